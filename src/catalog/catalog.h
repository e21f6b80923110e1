#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/manifest.h"

namespace icecore::catalog {

using archive::Location;
using archive::RunKind;
using archive::Stored;
using RunNumber = std::uint32_t;
/// Identity of a directory within a chain; it survives renames. A full run starts with new ones.
using NodeId = std::int64_t;

/// One execution, as its manifest's header and trailer tell it.
struct Run {
    archive::ManifestHeader header;
    archive::ManifestTrailer trailer;
    RunNumber number() const { return header.run; }
};

/// A name in the tree of a run.
struct Entry {
    std::string name;  ///< last component; "" for the root
    FileStat stat;     ///< as ManifestEntry::stat
    std::string link_target;
    Digest sha256;
    std::string metadata;  ///< encode_metadata's form
    Location location;
    bool sparse = false;
    bool racy = false;
    bool coarse = false;
    NodeId node = 0;      ///< directories: their identity; 0 for all else
    RunNumber added = 0;  ///< the run that recorded this version
};

/// One version of a file: the runs first … last (inclusive) hold `entry` at `path`.
struct PathVersion {
    std::string path;
    Entry entry;
    RunNumber first = 0;
    RunNumber last = 0;
};

/// A difference between two runs' trees.
struct Difference {
    enum class What : char { added = '+', deleted = '-', changed = 'M', metadata = 'm', type_changed = 'T' };
    What what;
    std::string path;
    std::optional<Entry> before;
    std::optional<Entry> after;
};

class RunWriter;

/// The cache of all manifests of one backup directory: runs, volumes, and every version of every name as an
/// interval of runs, so that an unchanged file costs nothing a run. SQLite in WAL mode; deleting the file
/// loses nothing that the manifests do not hold.
///
/// One thread at a time (each thread opens its own). Iterating callbacks must not change the catalogue.
/// Throws Error: corrupt when the file is damaged, unsupported when its schema is newer.
class Catalog {
  public:
    /// Opens or creates `path` and migrates an older schema. Memory for caching is bounded (some 16 MiB).
    static std::unique_ptr<Catalog> open(const std::string& path);
    /// Opens an existing catalogue for reading only. Throws Error{not_ready} for an older schema: `open`
    /// migrates it.
    static std::unique_ptr<Catalog> open_read_only(const std::string& path);
    ~Catalog();

    // ---- runs ----
    std::vector<Run> runs() const;  ///< ascending
    std::optional<Run> run(RunNumber number) const;
    std::optional<Run> last_run() const;
    /// Runs that restore `number` with bare tar: its chain's full run up to itself.
    std::vector<Run> chain_of(RunNumber number) const;

    // ---- the tree as of a run ----
    NodeId root(RunNumber at) const;
    std::optional<Entry> lookup(RunNumber at, std::string_view path) const;
    /// Children of the directory `dir` in name order (byte order).
    void children(NodeId dir, RunNumber at, const std::function<void(const Entry&)>& visit) const;
    /// A pull form of `children`, for merging with another sorted sequence. Several may be open.
    class ChildCursor {
      public:
        virtual ~ChildCursor() = default;
        /// The next child, valid until the next call; nullptr at the end.
        virtual const Entry* next() = 0;
    };
    std::unique_ptr<ChildCursor> open_children(NodeId dir, RunNumber at) const;
    /// `path` and all below it, depth first: a directory, its other children in name order, then its
    /// subdirectories in name order (the archive's order). `visit` returns false to skip a directory's
    /// content. Throws Error{not_found} if `path` is not in the tree. Depth is not bounded by the stack.
    void walk(RunNumber at, std::string_view path,
              const std::function<bool(const std::string& path, const Entry&)>& visit) const;
    /// The directory with inode number `ino` that is reachable in the tree of `at`, and its path. Several
    /// file systems may share a number: then any one.
    struct FoundDirectory {
        NodeId node;
        std::string path;
    };
    std::optional<FoundDirectory> directory_by_inode(RunNumber at, std::uint64_t ino) const;
    /// Path of a directory in the tree of `at`; nullopt if it is not reachable in it.
    std::optional<std::string> path_of(NodeId node, RunNumber at) const;
    /// One more than the largest NodeId in use: sizes a bitmap of directories.
    NodeId node_limit() const;

    // ---- questions across runs ----
    /// Every version of every path that matches, ordered by path, then run. `matches` gets the full relative
    /// path. Versions of the same content that a new chain stored again are joined to one.
    void find(const std::function<bool(std::string_view path)>& matches,
              const std::function<void(const PathVersion&)>& visit) const;
    /// What changed from run `before` to run `after`, in path order. Works across chains.
    void diff(RunNumber before, RunNumber after, const std::function<void(const Difference&)>& visit) const;

    /// Writes a compact copy of all of it, as it is now, to a new file. A run that is being recorded
    /// meanwhile is not in it.
    void copy_to(const std::string& path) const;
    /// Reads all of the file. Throws Error{corrupt} for damage.
    void check_all() const;

    // ---- writing ----
    /// Starts recording a run in one transaction (one RunWriter at a time). Throws Error{exists} if the run
    /// is known.
    std::unique_ptr<RunWriter> begin_run(const archive::ManifestHeader& header);

    struct Database;

  private:
    explicit Catalog(std::unique_ptr<Database> database);
    std::unique_ptr<Database> db_;
    friend class RunWriter;
    friend class WorkTables;
};

/// Applies one manifest, line by line in the manifest's order, whether it is being written or read back:
/// header (at begin_run), all renames, all deletions, entries, trailer (commit). Destroyed uncommitted, it
/// undoes everything.
///
/// Semantics: renames happen at once, `from` resolved in the parent run's tree and `to` in the new one; a
/// moved directory keeps its node and so everything below it. Missing parents of a `to` are made (their entry
/// line follows). Deleting a directory ends its own row only: what is below becomes unreachable. `put` adds
/// or replaces the version of a path; a directory that is already there keeps its node. Throws Error{corrupt}
/// for paths that do not resolve.
class RunWriter {
  public:
    ~RunWriter();
    void rename(const archive::ManifestRename& rename);
    void remove(const archive::ManifestDelete& deletion);
    void put(const archive::ManifestEntry& entry);
    /// The names in directory `dir` of the tree as recorded so far, in name order. A directory that was made
    /// for a rename and has had no line yet has an Entry with nothing but name, type and node. Throws
    /// Error{corrupt} if there is no such directory.
    void list(std::string_view dir, const std::function<void(const Entry&)>& visit);
    /// What the tree holds at `path` so far.
    std::optional<Entry> find(std::string_view path);
    /// Makes the run durable. The writer is finished.
    void commit(const archive::ManifestTrailer& trailer);

    struct State;

  private:
    friend class Catalog;
    explicit RunWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace icecore::catalog
