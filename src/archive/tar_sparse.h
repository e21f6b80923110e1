#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_member.h"
#include "archive/ustar_block.h"

namespace icecore::archive {

/// Longest sparse map that is read.
constexpr std::size_t kSparseRegionsMax = std::size_t{16} << 20;

/// Bytes of the map text of format 1.0, without padding.
std::uint64_t sparse_map_bytes(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes);

/// Appends the map text: a count, then offset and length of each region, one decimal number a line. Where the
/// file ends in a hole, a last region of length 0 stands at its end: GNU tar's extractor takes the file's
/// size from it.
void append_sparse_map(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes, std::string& out);

/// Reads the map text of format 1.0, a block at a time.
class SparseMapParser {
  public:
    explicit SparseMapParser(std::size_t regions_max) : regions_max_(regions_max) {}
    /// Takes one block. Throws Error{corrupt}. Returns whether the map is complete.
    bool add_block(std::string_view block);
    std::vector<SparseRegion> take() { return std::move(regions_); }

  private:
    void add_number();
    std::size_t regions_max_;
    std::vector<SparseRegion> regions_;
    std::uint64_t number_ = 0;
    unsigned digits_ = 0;
    std::uint64_t numbers_left_ = 1;  ///< the first number is the count of regions
    bool count_known_ = false;
};

/// Adds the descriptors of an old GNU header (4) or of one of its extension blocks (21). Throws
/// Error{corrupt}. Returns whether another extension block follows.
bool add_old_gnu_regions(const UstarBlock& header, std::vector<SparseRegion>& regions);
bool add_old_gnu_extension(std::string_view block, std::vector<SparseRegion>& regions);
/// The apparent size that an old GNU sparse header states. Throws Error{corrupt}.
std::uint64_t old_gnu_real_size(const UstarBlock& header);

/// The regions that hold data, touching ones joined, after checking that they are in order, lie within the
/// file and have `stored_bytes` in all. Throws Error{corrupt}.
std::vector<SparseRegion> checked_regions(const std::vector<SparseRegion>& raw, std::uint64_t size_bytes,
                                          std::uint64_t stored_bytes);

}  // namespace icecore::archive
