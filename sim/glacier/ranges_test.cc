#include "sim/glacier/ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kM = kMegabyte;

TEST(Ranges, AreParsed) {
    EXPECT_EQ(parse_range("0-1048575"), (ByteRange{0, 1048575}));
    EXPECT_EQ(parse_range("5-5"), (ByteRange{5, 5}));
    for (const char* bad : {"", "-", "1-", "-1", "2-1", "a-b", "0-1 ", " 0-1", "0--1", "+0-1", "0x0-1", "1",
                            "0-99999999999999999999"})
        EXPECT_FALSE(parse_range(bad)) << bad;
    EXPECT_EQ(format_range({4, 7}), "4-7");
}

TEST(Ranges, OfUploads) {
    EXPECT_EQ(parse_content_range("bytes 0-1048575/*"), (ByteRange{0, 1048575}));
    for (const char* bad :
         {"bytes 0-1048575", "bytes 0-1048575/2000000", "0-1048575/*", "bytes=0-1/*", "bytes /*"})
        EXPECT_FALSE(parse_content_range(bad)) << bad;
}

TEST(Ranges, OfDownloadsAreCutAtTheEnd) {
    EXPECT_EQ(parse_range_header("bytes=0-9", 100), (ByteRange{0, 9}));
    EXPECT_EQ(parse_range_header("bytes=90-", 100), (ByteRange{90, 99}));
    EXPECT_EQ(parse_range_header("bytes=90-1000", 100), (ByteRange{90, 99}));
    for (const char* bad : {"bytes=100-", "bytes=100-200", "bytes=-5", "bytes=0-1,3-4", "0-9", "bytes=9-0"})
        EXPECT_FALSE(parse_range_header(bad, 100)) << bad;
    EXPECT_FALSE(parse_range_header("bytes=0-", 0));
}

TEST(Ranges, MegabyteAlignment) {
    std::uint64_t size = 3 * kM + 7;
    EXPECT_TRUE(megabyte_aligned({0, kM - 1}, size));
    EXPECT_TRUE(megabyte_aligned({kM, size - 1}, size));
    EXPECT_FALSE(megabyte_aligned({1, kM - 1}, size));
    EXPECT_FALSE(megabyte_aligned({0, kM}, size));
    EXPECT_FALSE(megabyte_aligned({0, 4 * kM - 1}, size));
}

/// The nodes of the tree over `leaves` leaves, as [first, end): paired level by level, an odd one carried up.
std::set<std::pair<std::uint64_t, std::uint64_t>> tree_nodes(std::uint64_t leaves) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> level;
    for (std::uint64_t i = 0; i < leaves; ++i) level.emplace_back(i, i + 1);
    std::set<std::pair<std::uint64_t, std::uint64_t>> out(level.begin(), level.end());
    while (level.size() > 1) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> above;
        for (std::size_t i = 0; i < level.size(); i += 2)
            above.emplace_back(level[i].first, level[std::min(i + 1, level.size() - 1)].second);
        level = above;
        out.insert(level.begin(), level.end());
    }
    return out;
}

TEST(Ranges, TreeHashAlignedAreTheNodesOfTheTree) {
    for (std::uint64_t leaves = 1; leaves < 40; ++leaves) {
        std::uint64_t size = leaves * kM - 5;
        auto nodes = tree_nodes(leaves);
        for (std::uint64_t first = 0; first < leaves; ++first)
            for (std::uint64_t end = first + 1; end <= leaves; ++end)
                EXPECT_EQ(tree_hash_aligned({first * kM, std::min(end * kM, size) - 1}, size),
                          nodes.contains({first, end}))
                    << first << ".." << end << " of " << leaves;
    }
    EXPECT_FALSE(tree_hash_aligned({0, 5}, 10));
}

TEST(Ranges, PartSizes) {
    for (std::uint64_t good : {kM, 2 * kM, 1024 * kM, 4096 * kM}) EXPECT_TRUE(valid_part_size(good));
    for (std::uint64_t bad : {std::uint64_t{0}, kM - 1, kM + 1, 3 * kM, 8192 * kM})
        EXPECT_FALSE(valid_part_size(bad));
}

}  // namespace
}  // namespace icecore::sim::glacier
