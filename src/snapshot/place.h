#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_stat.h"

namespace icecore::snapshot {

/// A line of /proc/self/mountinfo (proc(5)).
struct Mount {
    std::uint64_t id = 0;
    std::string root;    ///< what of the file system is mounted: "/", or a directory or subvolume in it
    std::string point;   ///< where
    std::string type;    ///< "btrfs", "ext4", …
    std::string source;  ///< a device, a dataset, …
    bool read_only_file_system = false;  ///< as a whole; the mount alone may be, too
};

/// Lines that are none are passed over.
std::vector<Mount> parse_mounts(std::string_view mountinfo);

/// Where a data directory lies: which file system holds it, and where in that it is.
struct Place {
    std::string path;    ///< of the directory, absolute, without symbolic links
    FileStat stat;       ///< of the directory
    std::string type;    ///< of its file system
    std::string source;  ///< the device or dataset
    bool read_only_file_system = false;
    std::string inside;  ///< path of the directory from the file system's root, "" for that itself
    /// Where the whole file system is mounted; empty if that is nowhere.
    std::string whole_at;
    /// Paths below the directory, relative, on which something is mounted, sorted: no snapshot holds that.
    std::vector<std::string> mounts_below;
};

/// Looks at the open directory `dir`. Throws Error.
Place find_place(int dir);

/// The same, with /proc/self/mountinfo and the mount that `dir` is on given.
Place find_place(int dir, const std::vector<Mount>& mounts, std::uint64_t mount_id);

}  // namespace icecore::snapshot
