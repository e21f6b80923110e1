#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/error.h"
#include "scan/change.h"
#include "scan/sparse_map_internal.h"

namespace icecore::scan {
namespace {

std::uint64_t end_of(const archive::SparseRegion& region) {
    return region.offset + region.length_bytes;
}

/// The next data ('whence' SEEK_DATA) or hole (SEEK_HOLE) at or after `at`; `none` if there is none.
std::uint64_t seek(int fd, std::uint64_t at, int whence, std::uint64_t none) {
    off_t found = lseek(fd, static_cast<off_t>(at), whence);
    if (found >= 0) return static_cast<std::uint64_t>(found);
    if (errno == ENXIO) return none;
    throw_errno("looking for holes");
}

}  // namespace

void RegionCollector::add(std::uint64_t begin, std::uint64_t end) {
    begin -= begin % kHoleBytesMin;
    end = std::min(file_bytes_, (end + kHoleBytesMin - 1) / kHoleBytesMin * kHoleBytesMin);
    if (begin >= end) return;
    if (!regions_.empty() && begin < end_of(regions_.back()) + kHoleBytesMin) {
        archive::SparseRegion& last = regions_.back();
        last.length_bytes = std::max(end, end_of(last)) - last.offset;
        return;
    }
    regions_.push_back({begin, end - begin});
    if (regions_.size() >= 2 * regions_max_) join_smallest_holes();
}

std::vector<archive::SparseRegion> RegionCollector::finish() {
    if (regions_.size() > regions_max_) join_smallest_holes();
    return std::move(regions_);
}

/// Keeps the regions_max - 1 largest holes. Doing so several times on the way drops the same ones as doing it
/// once.
void RegionCollector::join_smallest_holes() {
    std::vector<std::uint64_t> holes;
    holes.reserve(regions_.size() - 1);
    for (std::size_t i = 1; i < regions_.size(); ++i)
        holes.push_back(regions_[i].offset - end_of(regions_[i - 1]));
    auto kept_end = holes.begin() + static_cast<std::ptrdiff_t>(regions_max_ - 1);
    std::nth_element(holes.begin(), kept_end, holes.end(), std::greater<>());
    std::uint64_t joined_max = *kept_end;
    // Of the holes that are just as large as the largest to go, some may stay.
    auto equal_kept = static_cast<std::size_t>(std::count(holes.begin(), kept_end, joined_max));

    std::size_t last =
        0;  // regions_[0 … last] are done; the last one's end is where the hole before region i begins
    for (std::size_t i = 1; i < regions_.size(); ++i) {
        std::uint64_t hole = regions_[i].offset - end_of(regions_[last]);
        if (hole < joined_max || (hole == joined_max && equal_kept == 0)) {
            regions_[last].length_bytes = end_of(regions_[i]) - regions_[last].offset;
            continue;
        }
        if (hole == joined_max) --equal_kept;
        regions_[++last] = regions_[i];
    }
    regions_.resize(last + 1);
}

SparseMap read_sparse_map(int fd, const FileStat& stat) {
    SparseMap map;
    if (stat.allocated_bytes >= stat.size) return map;
    off_t before = lseek(fd, 0, SEEK_CUR);
    RegionCollector collector(stat.size, kSparseRegionsMax);
    for (std::uint64_t at = 0; at < stat.size;) {
        std::uint64_t data = seek(fd, at, SEEK_DATA, stat.size);
        if (data >= stat.size) break;
        at = seek(fd, data, SEEK_HOLE, stat.size);
        collector.add(data, at);
    }
    lseek(fd, before, SEEK_SET);
    map.regions = collector.finish();
    bool dense = map.regions.size() == 1 && map.regions[0] == archive::SparseRegion{0, stat.size};
    map.is_sparse = !dense;
    if (dense) map.regions.clear();
    return map;
}

}  // namespace icecore::scan
