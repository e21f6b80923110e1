#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace icecore {

enum class FileType : char {
    regular = 'f',
    directory = 'd',
    symlink = 'l',
    fifo = 'p',
    char_device = 'c',
    block_device = 'b',
    socket = 's',
};

/// What statx(2) says of a name, as far as a backup cares.
struct FileStat {
    FileType type = FileType::regular;
    std::uint32_t mode = 0;  ///< permission bits only, 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;  ///< bytes; 0 for all but regular files
    Timestamp mtime;
    Timestamp ctime;
    std::uint64_t dev = 0;  ///< meaningful within one scan only, never stored: it changes between boots
    std::uint64_t ino = 0;
    std::uint32_t nlink = 1;
    std::uint32_t rdev_major = 0;  ///< devices only
    std::uint32_t rdev_minor = 0;
    std::uint64_t allocated_bytes = 0;  ///< st_blocks * 512
    bool nodump = false;                ///< the `d` attribute of chattr(1)
    bool mount_root = false;            ///< the root of a mounted file system
};

/// Extended attributes and ACLs of one file, sorted by name.
struct Metadata {
    /// Name and raw value, all namespaces, without the POSIX ACLs.
    std::vector<std::pair<std::string, std::string>> xattrs;
    std::string
        acl_access;  ///< POSIX.1e short text with numeric ids ("user::rw-,group::r--,…"), empty if minimal
    std::string acl_default;  ///< the same for a directory's default ACL
    bool operator==(const Metadata&) const = default;
    bool empty() const { return xattrs.empty() && acl_access.empty() && acl_default.empty(); }
};

}  // namespace icecore
