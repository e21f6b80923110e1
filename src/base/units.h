#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace icecore {

/// "1GiB", "500 MB", "64k", "4096" → bytes. KiB/K/k, MiB, GiB, TiB are powers of 1024; KB, MB, GB, TB powers
/// of 1000. nullopt when `text` is none of these or does not fit in 63 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "90s", "15m", "36h", "3d", "2w" → seconds. nullopt when `text` is not a span.
std::optional<std::int64_t> parse_span(std::string_view text);

/// "0 B", "999 B", "1.50 KiB", "23.4 GiB": three significant digits, for people.
std::string format_bytes(std::uint64_t bytes);

/// "0.4 s", "12 s", "3 min 05 s", "2 h 07 min".
std::string format_duration(double seconds);

/// "1,234,567".
std::string format_count(std::uint64_t count);

/// "1 file", "1,234 files".
std::string plural(std::uint64_t count, std::string_view one, std::string_view many);

}  // namespace icecore
