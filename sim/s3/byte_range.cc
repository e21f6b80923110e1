#include "sim/s3/byte_range.h"

#include <algorithm>
#include <optional>

#include "sim/http_message.h"

namespace icecore::sim::s3 {

RangeHeader parse_range_header(std::string_view value, std::uint64_t size_bytes) {
    constexpr std::string_view kUnit = "bytes=";
    std::size_t dash = value.find('-');
    if (!value.starts_with(kUnit) || dash == std::string_view::npos || dash < kUnit.size()) return {};
    std::string_view from = value.substr(kUnit.size(), dash - kUnit.size());
    std::string_view to = value.substr(dash + 1);
    std::optional<std::uint64_t> first = parse_decimal(from);
    std::optional<std::uint64_t> last = parse_decimal(to);
    if ((from.empty() && !last) || (!from.empty() && !first) || (!to.empty() && !last)) return {};
    if (from.empty()) {  // the last so many
        std::uint64_t count = std::min(*last, size_bytes);
        if (count == 0) return {RangeHeader::Kind::unsatisfiable};
        return {RangeHeader::Kind::good, {size_bytes - count, count}};
    }
    if (last && *last < *first) return {};
    if (*first >= size_bytes) return {RangeHeader::Kind::unsatisfiable};
    std::uint64_t end = std::min(last.value_or(size_bytes - 1), size_bytes - 1);
    return {RangeHeader::Kind::good, {*first, end - *first + 1}};
}

}  // namespace icecore::sim::s3
