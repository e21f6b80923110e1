#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalog/database.h"

namespace icecore::catalog {

/// The runs `first` <= R < `end`.
struct Interval {
    RunNumber first = 0;
    RunNumber end = 0;
    bool operator==(const Interval&) const = default;
};
/// Ascending, not touching.
using Intervals = std::vector<Interval>;

/// Walks several trees (or one tree in several runs) at once, path by path in byte order of the whole path.
///
/// A path can name different directories in different runs: each level holds the nodes that were there and
/// when, so that a row counts only while its directory, and all above it, stood at this path. Of each open
/// directory only how far it has come is remembered (see Walk); memory is a few names a level and the
/// versions of one path.
class TreeMerge {
  public:
    /// A version at one path: an Entry and the runs in which it stood there.
    struct Version {
        Intervals runs;
        Entry entry;
    };
    class Visitor {
      public:
        virtual ~Visitor() = default;
        /// Called first for each path: whether its versions are wanted.
        virtual bool wants_path(const std::string& path) = 0;
        /// Whether the version that stood there in `runs` is wanted.
        virtual bool wants_version(const Intervals& runs) = 0;
        /// The wanted versions, if there are any, in no particular order; may be changed.
        virtual void visit(const std::string& path, std::span<Version> versions) = 0;
    };

    TreeMerge(Catalog::Database& db, Visitor& visitor) : db_(db), visitor_(visitor) {}
    /// Adds the tree below `root` as of `runs`, before run().
    void add_tree(NodeId root, const Intervals& runs);
    void run();

  private:
    /// A directory and the runs in which it stands at the path in question.
    struct Presence {
        NodeId node;
        Intervals runs;
    };
    struct Subdirectory {
        std::string name;
        std::vector<Presence> nodes;
    };
    struct Level {
        std::vector<Presence> nodes;
        std::size_t path_bytes = 0;
        std::string from;  ///< least name still to be visited
        std::vector<Subdirectory>
            waiting;  ///< visited; their content comes before the next name that is not below
    };
    /// The rows of one Presence of the innermost level.
    struct Source {
        Catalog::Database::Lease row;
        const Presence* presence;
        std::string_view name;
        bool done = false;
    };

    void open_sources();
    void advance(Source& source);
    void visit_names();
    void visit_name();
    void take_row(const Source& source, bool wanted, std::vector<Presence>& subdirectories);
    void enter(Subdirectory subdirectory);
    void leave();
    void check_cycle(const std::vector<Presence>& nodes) const;

    Catalog::Database& db_;
    Visitor& visitor_;
    std::vector<Presence> trees_;
    RunNumber first_ = kForever;  ///< of all trees
    RunNumber last_ = 0;
    std::vector<Level> levels_;
    std::unordered_multimap<NodeId, std::size_t> open_;  ///< nodes of levels_ → level
    std::vector<Source> sources_;
    std::string path_;
    Intervals clipped_;
    std::vector<Version> versions_;  ///< kept for reuse of their memory; version_count_ are in use
    std::size_t version_count_ = 0;
};

}  // namespace icecore::catalog
