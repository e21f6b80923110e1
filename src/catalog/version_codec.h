#pragma once

#include <string>
#include <string_view>

#include "catalog/catalog.h"

namespace icecore::catalog {

/// The column `entry.version`: everything of an Entry that no query looks at, as one value. Two dozen columns
/// of their own would cost two to three times as much to write and to read, and a third more space.
///
/// Layout, in this order; numbers are LEB128 (7 bits a byte, least first), signed ones zigzag first:
///   type (its FileType character)  flags (1 sparse, 2 racy, 4 digest follows, 8 device numbers follow,
///   16 coarse)
///   mode uid gid size mtime.sec(signed) mtime.nsec ctime.sec(signed, less mtime.sec, modulo 2^64) ctime.nsec
///   ino nlink location.run location.volume location.offset location.length
///   [rdev_major rdev_minor] [32 bytes SHA-256] length of link target, link target; the rest is the metadata
struct VersionFlags {
    bool sparse = false;
    bool racy = false;
    bool coarse = false;
};
void pack_version(const FileStat& stat, std::string_view link_target, const Digest& sha256,
                  std::string_view metadata, const Location& location, VersionFlags flags, std::string& out);

/// Undoes pack_version into `entry` (name, node and added are left as they are). False if `packed` cannot
/// have been written by it.
bool unpack_version(std::string_view packed, Entry& entry);

}  // namespace icecore::catalog
