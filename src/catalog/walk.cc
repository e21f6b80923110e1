#include <unordered_set>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/database.h"

namespace icecore::catalog {
namespace {

/// Depth first with a stack of its own. Of a directory it remembers only how far it has come: rows are asked
/// for again from there after each subdirectory, so that no statement stays open on the way down and memory
/// is a name a level.
class Walk {
  public:
    using Visit = std::function<bool(const std::string& path, const Entry&)>;

    Walk(Catalog::Database& db, RunNumber at, const Visit& visit) : db_(db), at_(at), visit_(visit) {}

    void run(std::string_view path, const Entry& start) {
        path_ = path;
        if (!visit_(path_, start) || start.node == 0) return;
        enter(start.node);
        while (!levels_.empty()) {
            Level& level = levels_.back();
            path_.resize(level.path_bytes);
            if (!level.has_directories || !next_directory(level)) {
                open_.erase(level.node);
                levels_.pop_back();
                continue;
            }
            append(entry_.name);
            if (visit_(path_, entry_)) enter(entry_.node);
        }
    }

  private:
    struct Level {
        NodeId node;
        std::size_t path_bytes;
        std::string from;  ///< least name that a directory still to be walked can have
        bool has_directories = false;
    };

    void append(std::string_view name) {
        if (!path_.empty()) path_ += '/';
        path_ += name;
    }

    /// Visits the files of the directory at path_ and makes it the innermost level.
    void enter(NodeId node) {
        if (!open_.insert(node).second) db_.connection->fail_damaged("a directory lies within itself");
        Level level{node, path_.size(), {}};
        Catalog::Database::Lease row = db_.lease(Query::children);
        row->bind(1, node).bind(2, "").bind(3, at_);
        while (row->step()) {
            if (db_.node_of(*row) != 0) {
                if (!level.has_directories) level.from = db_.name_of(*row);
                level.has_directories = true;
                continue;
            }
            db_.read_entry(*row, entry_);
            append(entry_.name);
            visit_(path_, entry_);
            path_.resize(level.path_bytes);
        }
        levels_.push_back(std::move(level));
    }

    bool next_directory(Level& level) {
        Catalog::Database::Lease row = db_.lease(Query::next_directory);
        row->bind(1, level.node).bind(2, level.from).bind(3, at_);
        if (!row->step()) return false;
        db_.read_entry(*row, entry_);
        level.from = entry_.name;
        level.from += '\0';  // the least name after it
        return true;
    }

    Catalog::Database& db_;
    RunNumber at_;
    const Visit& visit_;
    std::string path_;
    Entry entry_;
    std::vector<Level> levels_;
    std::unordered_set<NodeId> open_;  ///< nodes of levels_
};

}  // namespace

void Catalog::walk(RunNumber at, std::string_view path,
                   const std::function<bool(const std::string& path, const Entry&)>& visit) const {
    auto start = lookup(at, path);
    if (!start) throw Error(Error::Kind::not_found, format("{} is not in run {}", escape_path(path), at));
    Walk(*db_, at, visit).run(path, *start);
}

}  // namespace icecore::catalog
