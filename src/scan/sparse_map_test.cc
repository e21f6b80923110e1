#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "base/file.h"
#include "scan/change.h"
#include "scan/sparse_map_internal.h"
#include "scan/test_tree.h"

namespace icecore::scan {
namespace {

constexpr std::uint64_t kBlock = 65536;  // at least the block of any file system

class SparseMapTest : public testing::Test {
  protected:
    SparseMapTest() : fd_(open_file(tree_.path("f"), O_RDWR | O_CREAT, 0644)) {}

    void put(std::uint64_t offset, const std::string& data) {
        ASSERT_EQ(pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset)),
                  static_cast<ssize_t>(data.size()));
    }
    void resize(std::uint64_t size) { ASSERT_EQ(ftruncate(fd_.get(), static_cast<off_t>(size)), 0); }
    FileStat stat() {
        FileStat out;
        EXPECT_TRUE(stat_at(fd_.get(), "", out, AT_EMPTY_PATH));
        return out;
    }
    SparseMap map() { return read_sparse_map(fd_.get(), stat()); }

    /// Whether the file system makes holes at all.
    bool holes() {
        resize(0);
        resize(64 * kBlock);
        bool made = stat().allocated_bytes == 0;
        resize(0);
        return made;
    }

    /// The map is well formed, and all bytes outside the regions are zeros.
    void check(const SparseMap& map) {
        std::uint64_t size = stat().size;
        std::uint64_t at = 0;
        auto expect_zeros = [&](std::uint64_t end) {
            std::string bytes(end - at, '\1');
            ASSERT_EQ(pread_full(fd_.get(), bytes.data(), bytes.size(), at), bytes.size());
            EXPECT_EQ(bytes.find_first_not_of('\0'), std::string::npos);
        };
        bool first = true;
        for (const archive::SparseRegion& region : map.regions) {
            EXPECT_GT(region.length_bytes, 0U);
            EXPECT_EQ(region.offset % archive::kBlockBytes, 0U);
            EXPECT_TRUE(first || region.offset >= at + kHoleBytesMin);
            first = false;
            expect_zeros(region.offset);
            at = region.offset + region.length_bytes;
            EXPECT_TRUE(at == size || at % archive::kBlockBytes == 0);
        }
        ASSERT_LE(at, size);
        expect_zeros(size);
    }

    TestTree tree_;
    Fd fd_;
};

TEST_F(SparseMapTest, DenseFilesAreNotSparse) {
    EXPECT_FALSE(map().is_sparse);
    put(0, "x");
    EXPECT_FALSE(map().is_sparse);
    put(0, std::string(5 * kBlock + 17, 'x'));
    EXPECT_FALSE(map().is_sparse);
    EXPECT_TRUE(map().regions.empty());
}

TEST_F(SparseMapTest, NoCallsWhenAllIsAllocated) {
    FileStat stat;
    stat.size = 4096;
    stat.allocated_bytes = 4096;
    EXPECT_FALSE(read_sparse_map(-1, stat).is_sparse);
    stat.allocated_bytes = 0;
    EXPECT_THROW(read_sparse_map(-1, stat), std::exception);
}

TEST_F(SparseMapTest, HolesInEveryPlace) {
    if (!holes()) GTEST_SKIP() << "no holes on this file system";
    std::string data(kBlock, 'x');
    for (int pattern = 0; pattern < 32; ++pattern) {
        for (std::uint64_t tail : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{777}}) {
            resize(0);
            for (unsigned i = 0; i < 5; ++i)
                if ((pattern >> i & 1) != 0) put(i * 2 * kBlock, data);
            resize(9 * kBlock + tail);
            SparseMap got = map();
            EXPECT_TRUE(got.is_sparse);
            check(got);
            std::uint64_t sum = 0;
            for (const auto& region : got.regions) sum += region.length_bytes;
            EXPECT_EQ(sum,
                      kBlock * static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(pattern))));
        }
    }
}

TEST_F(SparseMapTest, AllHole) {
    if (!holes()) GTEST_SKIP() << "no holes on this file system";
    for (std::uint64_t size : {std::uint64_t{1}, std::uint64_t{4095}, 10 * kBlock, std::uint64_t{1} << 40}) {
        resize(size);
        EXPECT_TRUE(map().is_sparse);
        EXPECT_TRUE(map().regions.empty());
    }
}

TEST_F(SparseMapTest, DataInATebibyte) {
    if (!holes()) GTEST_SKIP() << "no holes on this file system";
    resize(std::uint64_t{1} << 40);
    put((std::uint64_t{1} << 40) - 3, "end");
    put(std::uint64_t{1} << 39, "middle");
    SparseMap got = map();
    ASSERT_TRUE(got.is_sparse);
    ASSERT_EQ(got.regions.size(), 2U);
    EXPECT_LE(got.regions[0].offset, std::uint64_t{1} << 39);
    EXPECT_EQ(got.regions[1].offset + got.regions[1].length_bytes, std::uint64_t{1} << 40);
}

TEST_F(SparseMapTest, LeavesThePositionAlone) {
    resize(10 * kBlock);
    ASSERT_EQ(lseek(fd_.get(), 123, SEEK_SET), 123);
    map();
    EXPECT_EQ(lseek(fd_.get(), 0, SEEK_CUR), 123);
}

TEST_F(SparseMapTest, RandomFiles) {
    std::mt19937_64 random(3);  // NOLINT(cert-msc51-cpp): repeatable
    for (int round = 0; round < 20; ++round) {
        resize(0);
        for (std::uint64_t i = random() % 12; i > 0; --i)
            put(random() % (1 << 21), std::string(1 + random() % 9000, 'd'));
        resize(stat().size + random() % 20000);
        SparseMap got = map();
        if (got.is_sparse) check(got);
    }
}

TEST(RegionCollector, JoinsAndCuts) {
    RegionCollector collector(100'000, 10);
    collector.add(1, 2);             // widened to 0 … 4096
    collector.add(8191, 8192);       // 4096 … 8192 touches
    collector.add(20'000, 20'001);   // 16384 … 20480
    collector.add(99'999, 100'000);  // cut at the end
    EXPECT_EQ(collector.finish(),
              (std::vector<archive::SparseRegion>{{0, 8192}, {16384, 4096}, {98304, 100'000 - 98304}}));
}

/// However long the file, what is kept is what keeping the largest holes of all gives.
TEST(RegionCollector, KeepsTheLargestHoles) {
    std::mt19937_64 random(4);  // NOLINT(cert-msc51-cpp): repeatable
    for (std::size_t max : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{50}}) {
        RegionCollector collector(~std::uint64_t{0} >> 1, max);
        std::vector<std::uint64_t> holes;
        std::uint64_t at = 4096;
        std::uint64_t data = 0;
        for (int i = 0; i < 400; ++i) {
            collector.add(at, at + 4096);
            data += 4096;
            holes.push_back(4096 * (1 + random() % 40));
            at += 4096 + holes.back();
        }
        holes.pop_back();  // nothing comes after the last one
        auto regions = collector.finish();
        ASSERT_EQ(regions.size(), max);
        std::sort(holes.begin(), holes.end());
        std::uint64_t joined = 0;
        for (std::size_t i = 0; i < holes.size() - (max - 1); ++i) joined += holes[i];
        std::uint64_t kept = 0;
        for (std::size_t i = 0; i < regions.size(); ++i) {
            kept += regions[i].length_bytes;
            EXPECT_TRUE(i == 0 || regions[i].offset > regions[i - 1].offset + regions[i - 1].length_bytes);
        }
        EXPECT_EQ(kept, data + joined);
    }
}

}  // namespace
}  // namespace icecore::scan
