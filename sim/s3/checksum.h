#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::sim::s3 {

enum class ChecksumAlgorithm : std::uint8_t { crc32, crc32c, crc64nvme, sha1, sha256 };
inline constexpr std::array kChecksumAlgorithms = {ChecksumAlgorithm::crc32, ChecksumAlgorithm::crc32c,
                                                   ChecksumAlgorithm::crc64nvme, ChecksumAlgorithm::sha1,
                                                   ChecksumAlgorithm::sha256};

/// Of all bytes, or of the parts' checksums.
enum class ChecksumType : std::uint8_t { full_object, composite };

/// What is stored with an object. An empty value: none.
struct Checksum {
    ChecksumAlgorithm algorithm = ChecksumAlgorithm::crc64nvme;
    ChecksumType type = ChecksumType::full_object;
    std::string value = {};  ///< base64; a composite one ends in "-<parts>"
};

/// "SHA256", "CRC64NVME", …
std::string_view algorithm_name(ChecksumAlgorithm algorithm);
std::optional<ChecksumAlgorithm> parse_algorithm(std::string_view name);
/// "x-amz-checksum-sha256".
std::string checksum_header(ChecksumAlgorithm algorithm);
/// "ChecksumSHA256".
std::string checksum_element(ChecksumAlgorithm algorithm);
/// "FULL_OBJECT" or "COMPOSITE".
std::string_view type_name(ChecksumType type);
/// Whether `value` is base64 of as many bytes as the algorithm gives.
bool is_checksum_value(ChecksumAlgorithm algorithm, std::string_view value);

/// Computes one. One thread at a time.
class Hasher {
  public:
    virtual ~Hasher() = default;
    virtual void update(std::string_view data) = 0;
    /// Raw bytes, a CRC's highest first. Nothing may follow.
    virtual std::string finish() = 0;
};
std::unique_ptr<Hasher> make_hasher(ChecksumAlgorithm algorithm);

/// A part, for combine_checksums.
struct PartChecksum {
    std::string raw;  ///< its checksum, raw
    std::uint64_t size_bytes = 0;
};
/// The raw checksum of an object of these parts. Full ones are of CRCs only.
std::string combine_checksums(ChecksumAlgorithm algorithm, ChecksumType type,
                              const std::vector<PartChecksum>& parts);

}  // namespace icecore::sim::s3
