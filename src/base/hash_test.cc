#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace icecore {
namespace {

constexpr std::size_t kMiB = 1 << 20;

/// Leaves that differ from one another, as the Python program saw them whose results stand below.
std::string pattern(std::size_t size) {
    std::string data(size, '\0');
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>((i * 31 + (i >> 20)) % 251);
    return data;
}

std::string tree_hash(std::string_view data, std::size_t step = kMiB * 100) {
    TreeHash hash;
    for (; !data.empty(); data.remove_prefix(std::min(step, data.size()))) hash.update(data.substr(0, step));
    return hash.finish().hex();
}

TEST(Sha256, Fips180Vectors) {
    EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256(std::string(1'000'000, 'a')).hex(),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, StartsAnewAfterFinish) {
    Sha256 hash;
    hash.update("something else");
    hash.finish();
    hash.update("a");
    hash.update("bc");
    EXPECT_EQ(hash.finish(), sha256("abc"));
}

TEST(Digest, Views) {
    Digest digest = sha256("abc");
    EXPECT_FALSE(digest.empty());
    EXPECT_TRUE(Digest{}.empty());
    EXPECT_EQ(Digest::from_bytes(digest.view()), digest);
}

// The vectors of 'a's are also those of the tests of Amazon's botocore.
TEST(TreeHash, KnownVectors) {
    EXPECT_EQ(tree_hash(std::string(kMiB, 'a')),
              "9bc1b2a288b26af7257a36277ae3816a7d4f16e89c1e7e77d0a5c48bad62b360");
    EXPECT_EQ(tree_hash(std::string(2 * kMiB, 'a')),
              "560c2c9333c719cb00cfdffee3ba293db17f58743cdd1f7e4055373ae6300afa");
    EXPECT_EQ(tree_hash(std::string(4 * kMiB, 'a')),
              "9491cb2ed1d4e7cd53215f4017c23ec4ad21d7050a1e6bb636c4f67e8cddb844");
}

// Made by ten lines of Python with hashlib.
TEST(TreeHash, EveryShapeOfTree) {
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

TEST(TreeHash, StepsDoNotMatter) {
    std::string data = pattern(3 * kMiB + 17);
    std::string expected = tree_hash(data);
    for (std::size_t step : {std::size_t{4093}, kMiB - 1, kMiB, kMiB + 1, 2 * kMiB})
        EXPECT_EQ(tree_hash(data, step), expected);
}

TEST(TreeHash, StartsAnewAfterFinish) {
    TreeHash hash;
    hash.update(pattern(2 * kMiB + 5));
    hash.finish();
    hash.update("abc");
    EXPECT_EQ(hash.finish(), sha256("abc"));
}

}  // namespace
}  // namespace icecore
