#include "base/stream_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/test_tree_hash.h"

namespace icecore {
namespace {

constexpr std::size_t kMiB = 1 << 20;

std::string random_bytes(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string data((size + 7) / 8 * 8, '\0');
    for (std::size_t i = 0; i < data.size(); i += 8) {
        std::uint64_t word = random();
        std::copy_n(reinterpret_cast<const char*>(&word), 8, data.data() + i);
    }
    data.resize(size);
    return data;
}

/// By libcrypto, a hash at a time.
Digests slow_digests(std::string_view data) {
    std::vector<Digest> leaves;
    for (std::size_t at = 0; at == 0 || at < data.size(); at += kMiB)
        leaves.push_back(sha256(data.substr(at, kMiB)));
    return {sha256(data), combine_tree_hashes(leaves)};
}

/// With the CPU's instructions, where it has them, and without.
class StreamHashTest : public ::testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        if (GetParam() && !Sha256Lanes::accelerated()) GTEST_SKIP() << "this CPU has no SHA instructions";
    }
    static std::string tree_hash(std::string_view data, std::size_t step) {
        StreamHash hash(0, GetParam());
        for (; !data.empty(); data.remove_prefix(std::min(step, data.size())))
            hash.update(data.substr(0, step));
        return hash.finish().whole.tree_hash.hex();
    }
};

TEST_P(StreamHashTest, TreeHashIsThatOfOthers) {
    testing::expect_tree_hashes(tree_hash);
}

/// Every way in which the end of the data can lie in a block.
TEST_P(StreamHashTest, SmallSizesAreHashedAsByLibcrypto) {
    std::string data = random_bytes(300, 1);
    StreamHash hash(kMiB, GetParam());
    for (std::size_t size = 0; size <= data.size(); ++size) {
        std::string_view part = std::string_view(data).substr(0, size);
        hash.update(part.substr(0, size / 3));
        hash.update(part.substr(size / 3));
        StreamHash::Result result = hash.finish();
        EXPECT_EQ(result.whole, slow_digests(part)) << size;
        ASSERT_EQ(result.leaves.size(), 1U);
        EXPECT_EQ(result.parts, (PartDigests{kMiB, {result.whole}})) << size;
    }
}

TEST_P(StreamHashTest, RandomSizesAndSplitsAreHashedAsByLibcrypto) {
    std::mt19937_64 random(7);
    for (std::uint64_t round = 0; round < 30; ++round) {
        std::uint64_t part_bytes = kMiB << random() % 3;
        std::size_t size = random() % (9 * kMiB);
        if (round % 4 == 0) size -= size % part_bytes;  // no short part at the end
        if (round % 4 == 1) size -= size % kMiB;
        std::string data = random_bytes(size, round);
        StreamHash hash(round % 5 == 4 ? 0 : part_bytes, GetParam());
        std::size_t step_max = std::size_t{1} << random() % 24;
        for (std::string_view rest = data; !rest.empty();) {
            std::size_t step = std::min<std::size_t>(rest.size(), 1 + random() % step_max);
            if (step_max < 4096) step = std::min<std::size_t>(rest.size(), step + kMiB - 64);
            hash.update(rest.substr(0, step));
            rest.remove_prefix(step);
        }
        StreamHash::Result result = hash.finish();
        EXPECT_EQ(result.whole, slow_digests(data)) << "round " << round;
        EXPECT_EQ(combine_tree_hashes(result.leaves), result.whole.tree_hash);
        if (round % 5 == 4) {
            EXPECT_EQ(result.parts, PartDigests{});
            continue;
        }
        std::vector<Digests> parts;
        for (std::size_t at = 0; at == 0 || at < size; at += part_bytes)
            parts.push_back(slow_digests(std::string_view(data).substr(at, part_bytes)));
        EXPECT_EQ(result.parts, (PartDigests{part_bytes, parts})) << "round " << round;
    }
}

TEST_P(StreamHashTest, StartsAnewAfterFinish) {
    StreamHash hash(kMiB, GetParam());
    hash.update(testing::tree_pattern(2 * kMiB + 5));
    hash.finish();
    hash.update("abc");
    StreamHash::Result result = hash.finish();
    EXPECT_EQ(result.whole, (Digests{sha256("abc"), sha256("abc")}));
    EXPECT_EQ(result.leaves.size(), 1U);
    EXPECT_EQ(result.parts.parts.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(By, StreamHashTest, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "Cpu" : "Libcrypto"; });

TEST(Digests, OfDataHoweverItComes) {
    std::string data = random_bytes(3 * kMiB + 1, 3);
    Digests expected = slow_digests(data);
    EXPECT_EQ(digests_of(data), expected);
    std::size_t at = 0;
    EXPECT_EQ(digests_of([&](char* buffer, std::size_t size) {
                  std::size_t got = data.copy(buffer, std::min<std::size_t>(size, 777'777), at);
                  at += got;
                  return got;
              }),
              expected);
}

TEST(PartDigests, MakeUpTheFileThatTheyAreOf) {
    StreamHash hash(2 * kMiB);
    hash.update(random_bytes(7 * kMiB + 1, 4));
    StreamHash::Result result = hash.finish();
    EXPECT_TRUE(result.parts.make_up(4, result.whole.tree_hash));
    EXPECT_FALSE(result.parts.make_up(5, result.whole.tree_hash));
    EXPECT_FALSE(result.parts.make_up(4, result.whole.sha256));
    EXPECT_FALSE(PartDigests{}.make_up(0, {}));
}

}  // namespace
}  // namespace icecore
