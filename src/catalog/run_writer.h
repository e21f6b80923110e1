#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/database.h"

namespace icecore::catalog {

/// Whether `name`, without slashes, can be a name in a directory.
bool is_component(std::string_view name);

/// The directory of the path last used, with its nodes down from the root: depth-first order makes nearly
/// every parent the one used before.
///
/// Invariant: every directory held is current in the run being written. Whoever ends or replaces one resolves
/// its parent first, which drops everything deeper.
class PathCache {
  public:
    explicit PathCache(NodeId root) { levels_.push_back({root, 0}); }
    NodeId node() const { return levels_.back().node; }
    std::string_view path() const { return path_; }
    /// Drops levels until what is left is `dir` or above it.
    void shrink_to(std::string_view dir);
    void push(std::string_view name, NodeId node);

  private:
    struct Level {
        NodeId node;
        std::size_t path_bytes;
    };
    std::string path_;
    std::vector<Level> levels_;
};

/// One run being recorded. The connection is in a transaction for as long as this lives.
struct RunWriter::State {
    State(Catalog::Database& database, archive::ManifestHeader run_header, NodeId root_node);
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    /// What is in a place now.
    struct Current {
        RunNumber added = 0;
        NodeId node = 0;        ///< 0: no directory
        bool reserved = false;  ///< a directory that was made for a rename and has no line yet
    };
    std::optional<Current> find_current(NodeId parent, std::string_view name);

    /// Node of the directory `dir`; nullopt if there is none.
    std::optional<NodeId> find_directory(std::string_view dir);
    /// The same, making what is missing and setting non-directories aside.
    NodeId make_directory(std::string_view dir);
    /// Parent node and name of a path that is not the root. Throws Error{corrupt} if the parent is no
    /// directory.
    struct Place {
        NodeId parent;
        std::string_view name;
    };
    Place place_of(std::string_view path);
    /// The same, making parents that have no row yet; their own lines must follow.
    Place new_place_of(std::string_view path);

    struct Content {
        Location location;
        Digest sha256;
        bool sparse = false;
        std::string link_target;
        std::string metadata;
    };
    Content content_of(const archive::ManifestEntry& entry);

    /// Ends the row (or takes it back, if this run added it).
    void close(const Place& place, RunNumber row_added);
    void insert(const Place& place, NodeId node, std::uint64_t ino, std::optional<std::string_view> version);
    [[noreturn]] void refuse(std::string_view path, std::string_view why) const;

    void collect_rename(const archive::ManifestRename& rename);
    void apply_renames();
    void remove(std::string_view path);
    void put(const archive::ManifestEntry& entry);
    void commit(const archive::ManifestTrailer& trailer);

    Catalog::Database& db;
    archive::ManifestHeader header;
    NodeId root;
    PathCache cache;
    std::int64_t reserved_count = 0;  ///< directories that still need their line
    bool has_renames = false;
    bool renames_applied = false;
    bool committed = false;
    bool failed = false;  ///< an Error came out: nothing more may be recorded
    std::string packed;   ///< buffer of put

  private:
    Catalog::Database::Lease child_;
    Catalog::Database::Lease insert_;
    Catalog::Database::Lease close_;
    Catalog::Database::Lease delete_;
};

}  // namespace icecore::catalog
