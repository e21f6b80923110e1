#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_stat.h"
#include "scan/filter.h"

namespace icecore::scan {

struct WalkOptions {
    std::vector<std::string> exclude = {};  ///< gitignore patterns, anchored at the data directory
    bool ignore_files = true;               ///< honour .backupignore files
    bool exclude_caches = true;             ///< of directories with a valid CACHEDIR.TAG only the tag is kept
    bool exclude_nodump = true;             ///< leave out what carries the nodump attribute
    bool one_file_system =
        false;  ///< do not descend into other file systems (the mount point itself is kept)
    std::optional<std::uint64_t> max_file_size_bytes = {};  ///< larger regular files are left out
    /// Paths (relative) never visited nor reported.
    std::vector<std::string> skip = {};
    /// The tree is a snapshot of another one, and lacks what lies there: sorted relative paths, and, if not
    /// 0, all directories with this inode number. With `one_file_system` they are kept empty, else `failed`.
    std::vector<std::string> absent = {};
    std::uint64_t absent_inode = 0;
};

/// What a walk meets, in order: for each directory enter, then child for each kept name in byte order
/// (subdirectories included, sockets not), then listed; then the same for each subdirectory in byte order. So
/// a directory's listing is complete before anything below it comes.
class TreeVisitor {
  public:
    virtual ~TreeVisitor() = default;
    /// Before its names. False: do not read it (as if it had no names; `listed` is not called).
    virtual bool enter(const std::string& path, const FileStat& stat) = 0;
    /// `dir` is the directory's path. The views last for the call. `dir_fd` is the open directory.
    virtual void child(const std::string& dir, int dir_fd, const std::string& name, const FileStat& stat) = 0;
    /// All names of `path` have been given. `partial`: the directory was read only in part (an error was
    /// reported).
    virtual void listed(const std::string& path, bool partial) = 0;
    /// A name left out by a rule: `rule` says which, for people ("exclude: *.tmp", "nodump attribute", …).
    /// Not called for what lies below an excluded directory.
    virtual void excluded(const std::string& path, bool is_directory, const std::string& rule) = 0;
    /// A socket: logged and skipped.
    virtual void socket(const std::string& path) = 0;
    /// A directory that could not be opened or read, or a name that could not be examined; `error` is an
    /// errno, or 0 if `doing` says it all. A name that vanished between listing and statx is not reported.
    /// For an unreadable directory `listed` is not called.
    virtual void failed(const std::string& path, int error, std::string_view doing) = 0;
};

/// Walks the tree below the open directory `root_fd`, starting at the relative path `start` ("" = all of it),
/// with statx only; no symbolic link is ever followed, in any component, even if the tree changes meanwhile.
/// Depth and path length are unbounded; memory is the names of one directory plus the pending subdirectories
/// and the ignore files (at most 8 MiB and 100,000 lines) on the way to it. Open descriptors stay below 8.
///
/// The rules, from strong to weak: the deepest .backupignore with a pattern that matches, those above it,
/// `exclude`; within one list the last match. They hold for a `start` below the root, too (but not for
/// `start` itself). The stat that `enter` gets is that of the opened directory; if another one has taken the
/// name since `child`, it is walked.
///
/// `cancelled` is asked once a directory; if it says yes, Error{cancelled} is thrown. Otherwise throws Error
/// only if the root cannot be read, and what `visitor` throws. Cost, all cached: a statx(2) a name and five
/// calls a directory.
void walk_tree(int root_fd, const std::string& start, const WalkOptions& options, TreeVisitor& visitor,
               const std::function<bool()>& cancelled = {});

}  // namespace icecore::scan
