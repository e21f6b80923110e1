#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/schema.h"
#include "catalog/sqlite.h"

namespace icecore::catalog {

/// The statements that are kept prepared; their texts stand in database.cc.
enum class Query : std::size_t {
    children,        ///< (parent, name from, at) → Column::…, in name order
    next_directory,  ///< (parent, name from, at) → the first child that is a directory
    child,           ///< (parent, name, at)
    directory,       ///< (node, at) → its row, and Column::parent
    inode_nodes,     ///< (ino, at) → node
    history,       ///< (parent, name from, first, last): versions of children in name order, then by `added`
    insert_entry,  ///< (parent, name, added, node, ino, version), replacing
    close_entry,   ///< (parent, name, added, removed)
    delete_entry,  ///< (parent, name, added)
    copy_entry,    ///< (to parent, to name, added, from parent, from name, from added)
    run_root,      ///< (run) → its root's node
    count_,
};

/// Columns of all queries that give rows of `entry`.
namespace column {
constexpr int kName = 0;
constexpr int kAdded = 1;
constexpr int kRemoved = 2;
constexpr int kNode = 3;
constexpr int kVersion = 4;
constexpr int kParent = 5;  ///< Query::directory only
}  // namespace column

/// What Catalog and RunWriter share: the connection and idle prepared statements.
struct Catalog::Database {
    /// A statement taken out of the pool, so that a callback can run the same query again; given back, reset,
    /// at the end.
    class Lease {
      public:
        Lease(Database& database, Query query);
        ~Lease();
        Lease(Lease&& other) noexcept
            : database_(other.database_), query_(other.query_), owned_(std::move(other.owned_)) {}
        Lease& operator=(Lease&&) = delete;
        sql::Statement* operator->() const { return owned_.get(); }
        sql::Statement& operator*() const { return *owned_; }

      private:
        Database* database_;
        Query query_;
        std::unique_ptr<sql::Statement> owned_;
    };

    explicit Database(std::unique_ptr<sql::Connection> opened) : connection(std::move(opened)) {}
    Lease lease(Query query) { return {*this, query}; }

    /// Name of the row that `row` stands on. Throws Error{corrupt} if it is none that was ever written.
    std::string_view name_of(const sql::Statement& row) const;
    /// Node of the row, 0 if it is no directory.
    NodeId node_of(const sql::Statement& row) const;
    RunNumber run_in(const sql::Statement& row, int column) const;
    /// Fills `entry` from the row.
    void read_entry(const sql::Statement& row, Entry& entry) const;

    /// The child `name` of `parent` in the tree of `at`.
    std::optional<Entry> find_child(NodeId parent, std::string_view name, RunNumber at);
    /// `path` below the root directory `root`.
    std::optional<Entry> resolve(NodeId root, RunNumber at, std::string_view path);
    std::optional<std::string> path_of(NodeId node, NodeId root, RunNumber at);
    NodeId node_limit();

    // Runs (run_table.cc).
    struct RunRow {
        Run run;
        NodeId root = 0;
        NodeId node_limit = 0;
    };
    std::vector<Run> runs();
    std::optional<RunRow> run_row(RunNumber number);
    /// Root directory of a run's tree. Throws Error{not_found}.
    NodeId root_of(RunNumber number);
    struct RunRoot {
        RunNumber number;
        RunNumber chain;
        NodeId root;
    };
    std::vector<RunRoot> run_roots();  ///< ascending
    /// Number of the last run of a chain, 0 if there is none.
    RunNumber last_of_chain(RunNumber chain);
    void insert_run(const RunRow& row);

    std::unique_ptr<sql::Connection> connection;
    std::array<std::vector<std::unique_ptr<sql::Statement>>, static_cast<std::size_t>(Query::count_)> idle;
    bool writing = false;  ///< a RunWriter is at work
    NodeId next_node = 0;  ///< while writing
};

}  // namespace icecore::catalog
