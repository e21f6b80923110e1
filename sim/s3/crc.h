#pragma once

#include <cstdint>
#include <string_view>

namespace icecore::sim::s3 {

/// Reflected CRCs whose register begins with ones and is inverted at the end, by their reflected polynomial.
/// CRC-32 (ISO-HDLC), CRC-32C (RFC 3720), CRC-64/NVME (NVM Express, "64b CRC").
enum class Crc : std::uint8_t { crc32, crc32c, crc64nvme };

/// The CRC of the bytes that `crc` is of (0: none) and `data`. About 1.5 GB/s.
std::uint64_t update_crc(Crc kind, std::uint64_t crc, std::string_view data);

/// The CRC of two pieces one after the other; the second has `second_bytes` bytes.
std::uint64_t combine_crcs(Crc kind, std::uint64_t first, std::uint64_t second, std::uint64_t second_bytes);

}  // namespace icecore::sim::s3
