#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/test_tree_hash.h"

namespace icecore {
namespace {

constexpr std::size_t kMiB = 1 << 20;

std::string tree_hash(std::string_view data, std::size_t step) {
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

TEST(TreeHash, IsThatOfOthers) {
    testing::expect_tree_hashes(tree_hash);
}

TEST(TreeHash, StartsAnewAfterFinish) {
    TreeHash hash;
    hash.update(testing::tree_pattern(2 * kMiB + 5));
    hash.finish();
    hash.update("abc");
    EXPECT_EQ(hash.finish(), sha256("abc"));
}

}  // namespace
}  // namespace icecore
