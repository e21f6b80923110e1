#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace icecore::sim::glacier {

inline constexpr std::uint64_t kMegabyte = 1 << 20;

/// Bytes of something, as ranges of the API are: `last` included.
struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t size_bytes() const { return last - first + 1; }
    bool operator==(const ByteRange&) const = default;
};

/// "0-1048575". nullopt for anything else, and where the end comes before the start.
std::optional<ByteRange> parse_range(std::string_view text);
/// The same.
std::string format_range(const ByteRange& range);
/// "bytes 0-1048575/*" of an upload.
std::optional<ByteRange> parse_content_range(std::string_view text);
/// "bytes=0-1048575" or "bytes=1048576-" of `size_bytes` bytes, cut at their end. nullopt for anything else,
/// and where it begins behind the end.
std::optional<ByteRange> parse_range_header(std::string_view text, std::uint64_t size_bytes);

/// Whether `range` begins at a multiple of 1 MiB and ends before one, or at the end of `size_bytes` bytes.
bool megabyte_aligned(const ByteRange& range, std::uint64_t size_bytes);
/// Whether `range` of `size_bytes` bytes is a node of their hash tree (Developer Guide, "Receiving checksums
/// when downloading data"): then the service knows its tree hash.
bool tree_hash_aligned(const ByteRange& range, std::uint64_t size_bytes);

/// Whether a part can be that big: 1 MiB times a power of two, at most 4 GiB.
bool valid_part_size(std::uint64_t part_bytes);

}  // namespace icecore::sim::glacier
