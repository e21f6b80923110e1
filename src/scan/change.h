#pragma once

#include <vector>

#include "archive/tar_member.h"
#include "base/file_stat.h"

namespace icecore::scan {

/// What a file's times and numbers say about it, compared with its last recorded version (design: change
/// detection).
enum class Verdict : char {
    unchanged,  ///< size, mtime, ctime and inode equal, and the recorded times can be trusted
    suspect,  ///< may be unchanged (size and mtime equal, but ctime or inode differ, or the times were racy):
              ///< hash it
    changed,  ///< surely differs
};

/// `old_racy`: the flag that was recorded with `old`. The device number never counts.
Verdict compare(const FileStat& old, bool old_racy, const FileStat& now);

/// Whether a file with these times, first examined at `read_started`, could change again within the same
/// clock tick and so escape notice: ctime (or mtime) later than read_started less the time stamps'
/// granularity (50 ms; 2 s where the nanoseconds are 0, as on FAT or ext3).
bool is_racy(const FileStat& stat, Timestamp read_started);

/// The data regions of the open regular file `fd` (SEEK_DATA/SEEK_HOLE), or an empty vector with `is_sparse`
/// false when it has no holes worth the trouble. Regions are block-granular, sorted, cut at `size`; holes
/// smaller than 4 KiB are data. At most a million regions: beyond, the smallest holes become data. An
/// entirely empty file of size n gives is_sparse and no regions.
struct SparseMap {
    bool is_sparse = false;
    std::vector<archive::SparseRegion> regions;
};
SparseMap read_sparse_map(int fd, const FileStat& stat);

}  // namespace icecore::scan
