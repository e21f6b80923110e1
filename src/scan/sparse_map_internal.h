#pragma once

#include <cstddef>
#include <vector>

#include "archive/tar_member.h"

namespace icecore::scan {

constexpr std::uint64_t kHoleBytesMin = 4096;
constexpr std::size_t kSparseRegionsMax = 1'000'000;

/// Collects the data regions of a file, given in order, and keeps at most `regions_max` of them: where there
/// are more, the smallest holes between them become data. Memory: 2 × regions_max regions.
class RegionCollector {
  public:
    RegionCollector(std::uint64_t file_bytes, std::size_t regions_max)
        : file_bytes_(file_bytes), regions_max_(regions_max) {}
    /// The data [begin, end), widened to whole blocks; one that touches the last one or leaves a hole smaller
    /// than kHoleBytesMin is joined to it.
    void add(std::uint64_t begin, std::uint64_t end);
    std::vector<archive::SparseRegion> finish();

  private:
    void join_smallest_holes();

    std::uint64_t file_bytes_;
    std::size_t regions_max_;
    std::vector<archive::SparseRegion> regions_;
};

}  // namespace icecore::scan
