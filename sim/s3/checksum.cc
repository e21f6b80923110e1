#include "sim/s3/checksum.h"

#include <openssl/evp.h>

#include "base/base64.h"
#include "base/error.h"
#include "sim/s3/crc.h"

namespace icecore::sim::s3 {
namespace {

struct Known {
    ChecksumAlgorithm algorithm;
    std::string_view name;
    std::size_t bytes;
};
constexpr std::array kKnown = {
    Known{ChecksumAlgorithm::crc32, "CRC32", 4},         Known{ChecksumAlgorithm::crc32c, "CRC32C", 4},
    Known{ChecksumAlgorithm::crc64nvme, "CRC64NVME", 8}, Known{ChecksumAlgorithm::sha1, "SHA1", 20},
    Known{ChecksumAlgorithm::sha256, "SHA256", 32},
};

const Known& known(ChecksumAlgorithm algorithm) {
    return kKnown[static_cast<std::size_t>(algorithm)];
}

Crc crc_of(ChecksumAlgorithm algorithm) {
    switch (algorithm) {
        case ChecksumAlgorithm::crc32:
            return Crc::crc32;
        case ChecksumAlgorithm::crc32c:
            return Crc::crc32c;
        default:
            CHECK(algorithm == ChecksumAlgorithm::crc64nvme);
            return Crc::crc64nvme;
    }
}

std::string big_endian(std::uint64_t value, std::size_t bytes) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(value >> (8 * (bytes - 1 - i)));
    return out;
}

std::uint64_t from_big_endian(std::string_view raw) {
    std::uint64_t value = 0;
    for (char c : raw) value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

class CrcHasher final : public Hasher {
  public:
    explicit CrcHasher(ChecksumAlgorithm algorithm)
        : crc_(crc_of(algorithm)), bytes_(known(algorithm).bytes) {}
    void update(std::string_view data) override { value_ = update_crc(crc_, value_, data); }
    std::string finish() override { return big_endian(value_, bytes_); }

  private:
    Crc crc_;
    std::size_t bytes_;
    std::uint64_t value_ = 0;
};

class DigestHasher final : public Hasher {
  public:
    explicit DigestHasher(const EVP_MD* kind) : context_(EVP_MD_CTX_new()) {
        CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, kind, nullptr) == 1);
    }
    ~DigestHasher() override { EVP_MD_CTX_free(context_); }
    DigestHasher(const DigestHasher&) = delete;
    DigestHasher& operator=(const DigestHasher&) = delete;
    void update(std::string_view data) override {
        CHECK(EVP_DigestUpdate(context_, data.data(), data.size()) == 1);
    }
    std::string finish() override {
        std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
        unsigned size = 0;
        CHECK(EVP_DigestFinal_ex(context_, raw.data(), &size) == 1);
        return {raw.begin(), raw.begin() + size};
    }

  private:
    EVP_MD_CTX* context_;
};

}  // namespace

std::string_view algorithm_name(ChecksumAlgorithm algorithm) {
    return known(algorithm).name;
}

std::optional<ChecksumAlgorithm> parse_algorithm(std::string_view name) {
    for (const Known& entry : kKnown)
        if (entry.name == name) return entry.algorithm;
    return std::nullopt;
}

std::string checksum_header(ChecksumAlgorithm algorithm) {
    std::string out = "x-amz-checksum-";
    for (char c : known(algorithm).name) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

std::string checksum_element(ChecksumAlgorithm algorithm) {
    return "Checksum" + std::string(known(algorithm).name);
}

std::string_view type_name(ChecksumType type) {
    return type == ChecksumType::composite ? "COMPOSITE" : "FULL_OBJECT";
}

bool is_checksum_value(ChecksumAlgorithm algorithm, std::string_view value) {
    std::optional<std::string> raw = from_base64(value);
    return raw && raw->size() == known(algorithm).bytes;
}

std::unique_ptr<Hasher> make_hasher(ChecksumAlgorithm algorithm) {
    if (algorithm == ChecksumAlgorithm::sha1) return std::make_unique<DigestHasher>(EVP_sha1());
    if (algorithm == ChecksumAlgorithm::sha256) return std::make_unique<DigestHasher>(EVP_sha256());
    return std::make_unique<CrcHasher>(algorithm);
}

std::string combine_checksums(ChecksumAlgorithm algorithm, ChecksumType type,
                              const std::vector<PartChecksum>& parts) {
    if (type == ChecksumType::composite) {
        std::unique_ptr<Hasher> hasher = make_hasher(algorithm);
        for (const PartChecksum& part : parts) hasher->update(part.raw);
        return hasher->finish();
    }
    Crc crc = crc_of(algorithm);
    std::uint64_t value = 0;
    for (const PartChecksum& part : parts)
        value = combine_crcs(crc, value, from_big_endian(part.raw), part.size_bytes);
    return big_endian(value, known(algorithm).bytes);
}

}  // namespace icecore::sim::s3
