#include "sim/s3/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/hash.h"
#include "base/text.h"
#include "sim/s3/crc.h"

namespace icecore::sim::s3 {
namespace {

std::string noise(std::size_t size) {
    std::mt19937 random(static_cast<unsigned>(size));
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

// The check values of the "Catalogue of parametrised CRC algorithms" (Greg Cook).
TEST(Crc, IsAsPublished) {
    EXPECT_EQ(update_crc(Crc::crc32, 0, "123456789"), 0xCBF43926U);
    EXPECT_EQ(update_crc(Crc::crc32c, 0, "123456789"), 0xE3069283U);
    EXPECT_EQ(update_crc(Crc::crc64nvme, 0, "123456789"), 0xAE8B14860A799888U);
    EXPECT_EQ(update_crc(Crc::crc64nvme, 0, ""), 0U);
}

TEST(Crc, OfPiecesIsThatOfTheWhole) {
    std::string data = noise(100'003);
    for (Crc kind : {Crc::crc32, Crc::crc32c, Crc::crc64nvme}) {
        std::uint64_t whole = update_crc(kind, 0, data);
        for (std::size_t cut : {0U, 1U, 7U, 8U, 4096U, 99'999U, 100'003U}) {
            std::string_view first = std::string_view(data).substr(0, cut);
            std::string_view second = std::string_view(data).substr(cut);
            std::uint64_t crc = update_crc(kind, 0, first);
            EXPECT_EQ(update_crc(kind, crc, second), whole);
            EXPECT_EQ(combine_crcs(kind, crc, update_crc(kind, 0, second), second.size()), whole);
        }
    }
}

TEST(Checksum, HasItsForm) {
    auto value = [](ChecksumAlgorithm algorithm) {
        std::unique_ptr<Hasher> hasher = make_hasher(algorithm);
        hasher->update("1234");
        hasher->update("56789");
        return to_base64(hasher->finish());
    };
    EXPECT_EQ(value(ChecksumAlgorithm::crc32), "y/Q5Jg==");
    EXPECT_EQ(value(ChecksumAlgorithm::crc32c), "4waSgw==");
    EXPECT_EQ(value(ChecksumAlgorithm::crc64nvme), "rosUhgp5mIg=");
    EXPECT_EQ(from_base64(value(ChecksumAlgorithm::sha256)), std::string(sha256("123456789").view()));
    EXPECT_EQ(to_hex(from_base64(value(ChecksumAlgorithm::sha1)).value()),
              "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
}

TEST(Checksum, OfPartsOfTheWholeIsThatOfTheWhole) {
    std::string data = noise(3000);
    for (ChecksumAlgorithm algorithm :
         {ChecksumAlgorithm::crc32, ChecksumAlgorithm::crc32c, ChecksumAlgorithm::crc64nvme}) {
        std::vector<PartChecksum> parts;
        for (std::size_t at = 0; at < data.size(); at += 1000) {
            std::unique_ptr<Hasher> hasher = make_hasher(algorithm);
            hasher->update(std::string_view(data).substr(at, 1000));
            parts.push_back({hasher->finish(), 1000});
        }
        std::unique_ptr<Hasher> whole = make_hasher(algorithm);
        whole->update(data);
        EXPECT_EQ(combine_checksums(algorithm, ChecksumType::full_object, parts), whole->finish());
    }
}

TEST(Checksum, CompositeIsOfThePartsChecksums) {
    std::vector<PartChecksum> parts = {{std::string(sha256("a").view()), 1},
                                       {std::string(sha256("b").view()), 1}};
    EXPECT_EQ(combine_checksums(ChecksumAlgorithm::sha256, ChecksumType::composite, parts),
              sha256(parts[0].raw + parts[1].raw).view());
}

TEST(Checksum, HasTheLengthOfItsAlgorithm) {
    EXPECT_TRUE(is_checksum_value(ChecksumAlgorithm::crc32, "y/Q5Jg=="));
    EXPECT_FALSE(is_checksum_value(ChecksumAlgorithm::crc64nvme, "y/Q5Jg=="));
}

}  // namespace
}  // namespace icecore::sim::s3
