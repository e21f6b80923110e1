#pragma once

#include <cstdint>
#include <string_view>

namespace icecore::sim::s3 {

struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t size_bytes = 0;
};

/// A Range header (RFC 9110, 14.2): one range of bytes. Of anything else, and of several ranges, nothing is
/// said: the whole is sent then.
struct RangeHeader {
    enum class Kind : std::uint8_t { ignored, good, unsatisfiable };
    Kind kind = Kind::ignored;
    ByteRange range = {};  ///< cut to what there is
};
RangeHeader parse_range_header(std::string_view value, std::uint64_t size_bytes);

}  // namespace icecore::sim::s3
