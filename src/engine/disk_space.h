#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/catalog.h"

namespace icecore::engine {

/// A file system's size, and what of it this user may still fill, in bytes.
struct DiskSpace {
    std::uint64_t free_bytes = 0;
    std::uint64_t disk_bytes = 0;
};

/// Of the file system that holds `dir`. Throws Error.
DiskSpace disk_space(const std::string& dir);

/// Why the space may be too little for a run like the last of its kind, for people; empty if it is enough.
/// `runs` ascending.
std::string space_fault(const DiskSpace& space, const std::vector<catalog::Run>& runs, bool next_is_full);

}  // namespace icecore::engine
