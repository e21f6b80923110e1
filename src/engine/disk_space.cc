#include "engine/disk_space.h"

#include <sys/statvfs.h>

#include "base/error.h"
#include "base/format.h"
#include "base/units.h"

namespace icecore::engine {

DiskSpace disk_space(const std::string& dir) {
    struct statvfs disk {};
    if (statvfs(dir.c_str(), &disk) != 0) throw_errno("asking for the free space of " + dir);
    return {std::uint64_t{disk.f_bavail} * disk.f_frsize, std::uint64_t{disk.f_blocks} * disk.f_frsize};
}

std::string space_fault(const DiskSpace& space, const std::vector<catalog::Run>& runs, bool next_is_full) {
    // What comes next is about as large as the last of its kind.
    const catalog::Run* like = nullptr;
    for (const catalog::Run& run : runs)
        if ((run.header.kind == archive::RunKind::full) == next_is_full || like == nullptr) like = &run;
    if (like != nullptr && space.free_bytes / 2 < like->trailer.counts.stored_bytes)
        return format("only {} are free, and run {} took {}: the next may not fit",
                      format_bytes(space.free_bytes), like->number(),
                      format_bytes(like->trailer.counts.stored_bytes));
    if (space.free_bytes < space.disk_bytes / 20)
        return format("only {} of {} are free", format_bytes(space.free_bytes),
                      format_bytes(space.disk_bytes));
    return {};
}

}  // namespace icecore::engine
