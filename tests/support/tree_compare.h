#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_stat.h"
#include "base/hash.h"

namespace icecore::testing {

/// Files up to this size have the plain SHA-256 of their bytes as TreeEntry::content. For larger ones it is
/// the SHA-256 of their size and of those 4 KiB blocks that are not all zero, each with its offset: quick for
/// a vast sparse file, and equal for equal bytes, wherever the holes are.
constexpr std::uint64_t kPlainDigestBytesMax = 16 << 20;

/// All that a restore must give back of one name.
struct TreeEntry {
    FileType type = FileType::regular;
    std::uint32_t mode = 0;  ///< 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;  ///< regular files only
    Timestamp mtime;
    std::string link_target;         ///< symbolic links only
    std::uint32_t device_major = 0;  ///< devices only
    std::uint32_t device_minor = 0;
    Digest content;                     ///< regular files only
    std::uint64_t allocated_bytes = 0;  ///< what the file takes on the disk
    /// All that can be read, raw, sorted by name: security.capability too, and the ACLs as
    /// system.posix_acl_*.
    std::vector<std::pair<std::string, std::string>> xattrs;
};

struct TreeSnapshot {
    /// By path, relative and without "./"; the root is "".
    std::map<std::string, TreeEntry> entries;
    /// Names of one file, sorted; only files with two names or more in this tree. Sorted by first name.
    std::vector<std::vector<std::string>> link_groups;
};

/// Reads the whole tree below the directory `dir` without following links. Uses directory descriptors (two at
/// a time), so depth and path length are unlimited; paths are held in memory. Reads stat structures itself,
/// not through base, so that it can judge base. Throws Error for anything it cannot read.
TreeSnapshot snapshot_tree(const std::string& dir);

struct CompareOptions {
    bool ignore_root_mtime = false;
    bool ignore_xattrs = false;
    bool ignore_owner = false;  ///< for tests that do not run as root
    /// Report a file that takes much more space than the expected one (its holes were filled): more than
    /// twice its allocated bytes and 256 KiB.
    bool check_sparseness = false;
    /// Paths to leave out, with all that is below them.
    std::function<bool(std::string_view path)> exclude;
};

/// What differs, a short line each, sorted by path; empty if nothing does. "a/b: mtime 12.5 != 13.0" gives
/// the expected value first; "x, y: hard-linked in expected only". Paths are written by escape_path, the root
/// as ".".
std::vector<std::string> differences(const TreeSnapshot& expected, const TreeSnapshot& actual,
                                     const CompareOptions& options = {});

/// The first `lines_max` of `lines`, a line each, for a test's message.
std::string join_lines(const std::vector<std::string>& lines, std::size_t lines_max = 20);

}  // namespace icecore::testing
