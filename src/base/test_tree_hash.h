#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace icecore::testing {

/// Leaves that differ from one another, as the Python program saw them whose results stand below.
inline std::string tree_pattern(std::size_t size) {
    std::string data(size, '\0');
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>((i * 31 + (i >> 20)) % 251);
    return data;
}

/// That `tree_hash(data, step)`, in hex of data that comes in pieces of `step` bytes, is SHA-256's tree hash.
template <typename Hash>
void expect_tree_hashes(const Hash& tree_hash) {
    constexpr std::size_t kMiB = 1 << 20;
    constexpr std::size_t kWhole = 100 * kMiB;
    // The vectors of 'a's are also those of the tests of Amazon's botocore.
    EXPECT_EQ(tree_hash(std::string(kMiB, 'a'), kWhole),
              "9bc1b2a288b26af7257a36277ae3816a7d4f16e89c1e7e77d0a5c48bad62b360");
    EXPECT_EQ(tree_hash(std::string(2 * kMiB, 'a'), kWhole),
              "560c2c9333c719cb00cfdffee3ba293db17f58743cdd1f7e4055373ae6300afa");
    EXPECT_EQ(tree_hash(std::string(4 * kMiB, 'a'), kWhole),
              "9491cb2ed1d4e7cd53215f4017c23ec4ad21d7050a1e6bb636c4f67e8cddb844");
    // Every shape of tree: made by ten lines of Python with hashlib.
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
    for (const auto& v : vectors) EXPECT_EQ(tree_hash(tree_pattern(v.size), kWhole), v.hex) << v.size;
    std::string data = tree_pattern(3 * kMiB + 17);
    for (std::size_t step : {std::size_t{4093}, kMiB - 1, kMiB, kMiB + 1, 2 * kMiB})
        EXPECT_EQ(tree_hash(data, step), tree_hash(data, kWhole)) << step;
}

}  // namespace icecore::testing
