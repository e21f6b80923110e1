#include "sim/glacier/ranges.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "sim/http_message.h"

namespace icecore::sim::glacier {

std::optional<ByteRange> parse_range(std::string_view text) {
    std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    std::optional<std::uint64_t> first = parse_decimal(text.substr(0, dash));
    std::optional<std::uint64_t> last = parse_decimal(text.substr(dash + 1));
    constexpr std::uint64_t kLastMax = std::uint64_t{1} << 60;
    if (!first || !last || *first > *last || *last > kLastMax) return std::nullopt;
    return ByteRange{*first, *last};
}

std::string format_range(const ByteRange& range) {
    return format("{}-{}", range.first, range.last);
}

std::optional<ByteRange> parse_content_range(std::string_view text) {
    if (!text.starts_with("bytes ") || !text.ends_with("/*")) return std::nullopt;
    return parse_range(text.substr(6, text.size() - 8));
}

std::optional<ByteRange> parse_range_header(std::string_view text, std::uint64_t size_bytes) {
    if (!text.starts_with("bytes=") || size_bytes == 0) return std::nullopt;
    text.remove_prefix(6);
    std::string closed(text);
    if (text.ends_with('-')) closed += format("{}", size_bytes - 1);
    std::optional<ByteRange> range = parse_range(closed);
    if (!range || range->first >= size_bytes) return std::nullopt;
    range->last = std::min(range->last, size_bytes - 1);
    return range;
}

bool megabyte_aligned(const ByteRange& range, std::uint64_t size_bytes) {
    return range.last < size_bytes && range.first % kMegabyte == 0 &&
           ((range.last + 1) % kMegabyte == 0 || range.last + 1 == size_bytes);
}

bool tree_hash_aligned(const ByteRange& range, std::uint64_t size_bytes) {
    if (!megabyte_aligned(range, size_bytes)) return false;
    std::uint64_t leaves = (size_bytes + kMegabyte - 1) / kMegabyte;
    std::uint64_t begin = range.first / kMegabyte;
    std::uint64_t end = range.last / kMegabyte + 1;
    for (std::uint64_t node = 1;; node *= 2) {
        if (begin % node == 0 && end == std::min(begin + node, leaves)) return true;
        if (node >= leaves) return false;
    }
}

bool valid_part_size(std::uint64_t part_bytes) {
    return part_bytes >= kMegabyte && part_bytes <= 4096 * kMegabyte && std::has_single_bit(part_bytes);
}

}  // namespace icecore::sim::glacier
