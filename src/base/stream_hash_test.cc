#include "base/stream_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace icecore {
namespace {

constexpr std::size_t kMiB = 1 << 20;

/// Leaves that differ from one another, as the Python program saw them whose results stand below.
std::string pattern(std::size_t size) {
    std::string data(size, '\0');
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>((i * 31 + (i >> 20)) % 251);
    return data;
}

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
class StreamHashTest : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        if (GetParam() && !Sha256Lanes::accelerated()) GTEST_SKIP() << "this CPU has no SHA instructions";
    }
    static std::string tree_hash(std::string_view data, std::size_t step = 100 * kMiB) {
        StreamHash hash(0, GetParam());
        for (; !data.empty(); data.remove_prefix(std::min(step, data.size())))
            hash.update(data.substr(0, step));
        return hash.finish().whole.tree_hash.hex();
    }
};

// The vectors of 'a's are also those of the tests of Amazon's botocore.
TEST_P(StreamHashTest, KnownVectors) {
    EXPECT_EQ(tree_hash(std::string(kMiB, 'a')),
              "9bc1b2a288b26af7257a36277ae3816a7d4f16e89c1e7e77d0a5c48bad62b360");
    EXPECT_EQ(tree_hash(std::string(2 * kMiB, 'a')),
              "560c2c9333c719cb00cfdffee3ba293db17f58743cdd1f7e4055373ae6300afa");
    EXPECT_EQ(tree_hash(std::string(4 * kMiB, 'a')),
              "9491cb2ed1d4e7cd53215f4017c23ec4ad21d7050a1e6bb636c4f67e8cddb844");
}

// Made by ten lines of Python with hashlib.
TEST_P(StreamHashTest, EveryShapeOfTree) {
    struct {
        std::size_t size;
        const char* hex;
    } vectors[] = {
        {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {kMiB - 1, "bfd49c93b46afeb1c6331f2be92eb36b3045efb50b410c09f1e1506601cd53e9"},
        {kMiB, "3617860390ce98fe34c1bb89382ea7122d3b6890069e30a078892492ba0c774d"},
        {kMiB + 1, "1748ef35eac94314e67c4304e52cdf83774338ef080f7e7185f968ea539ab145"},
        {2 * kMiB, "50c2aed81500f896979ac0a1316d32529ab2c1bf50c0808465b60842ce70a4af"},
        {3 * kMiB, "7f3059adda39300dfbadbad409acef681dbd2e7386ed2b9408999a1e468847d1"},
        {5 * kMiB, "b3e3787e4d4943beda74d1aa44aa08ad10ef22fca59e9fd69fc16c864a6a2f32"},
        {7 * kMiB + 3, "98d5bac86c30caaaf188401d47c63b3c74333eb7b0fe5f135f077d3ffe85ad33"},
    };
    for (const auto& v : vectors) EXPECT_EQ(tree_hash(pattern(v.size)), v.hex) << v.size;
}

TEST_P(StreamHashTest, StepsDoNotMatter) {
    std::string data = pattern(3 * kMiB + 17);
    std::string expected = tree_hash(data);
    for (std::size_t step : {std::size_t{4093}, kMiB - 1, kMiB, kMiB + 1, 2 * kMiB})
        EXPECT_EQ(tree_hash(data, step), expected);
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
    hash.update(pattern(2 * kMiB + 5));
    hash.finish();
    hash.update("abc");
    StreamHash::Result result = hash.finish();
    EXPECT_EQ(result.whole, (Digests{sha256("abc"), sha256("abc")}));
    EXPECT_EQ(result.leaves.size(), 1U);
    EXPECT_EQ(result.parts.parts.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(By, StreamHashTest, testing::Bool(),
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
