// Sparse files: stored and restored without their holes, by bare tar and by icecore.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;
constexpr std::uint64_t kTiB = kGiB << 10;

class SparseFiles : public ::testing::Test {
  protected:
    SparseFiles() { runs_.compare.check_sparseness = true; }

    struct Extent {
        std::uint64_t offset;
        std::string data;
    };
    /// Makes or changes a file: its size, and data at places.
    void write(const std::string& name, std::uint64_t size, const std::vector<Extent>& extents) {
        Fd fd = open_file(tree_ / name, O_WRONLY | O_CREAT, 0644);
        for (const Extent& extent : extents) pwrite_full(fd.get(), extent.data, extent.offset);
        if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0) throw_errno("making a sparse file");
    }
    archive::ManifestEntry entry(const engine::BackupResult& result, const std::string& path) {
        return runs_.entries(result).at(path);
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

TEST_F(SparseFiles, OneTebibyteOfHole) {
    write("hole", kTiB, {});
    write("ends", kTiB, {{0, "first"}, {kTiB - 5, "last!"}});
    write("middle", kTiB + 12345, {{kTiB / 2 - 7, noise(10'000, 1)}});
    engine::BackupResult result = runs_.run();
    EXPECT_LT(result.trailer.counts.stored_bytes, 64U << 10);
    EXPECT_EQ(entry(result, "ends").stored, archive::Stored::sparse);
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
    write("ends", kTiB, {{kTiB / 3, "new in the middle"}});
    runs_.run();
    write("middle", kTiB / 2, {});
    runs_.run();
}

TEST_F(SparseFiles, OverEightGibibytes) {
    write("large", 9 * kGiB + 17,
          {{0, noise(100'000, 1)}, {8 * kGiB - 3000, noise(9000, 2)}, {9 * kGiB + 1, "the end"}});
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 300'000U);
    write("large", 10 * kGiB, {});
    runs_.run();
}

TEST_F(SparseFiles, ManyExtents) {
    std::vector<Extent> extents;
    for (unsigned i = 0; i < 3000; ++i) extents.push_back({i * 16384ULL, noise(4096, i)});
    write("comb", 3000 * 16384ULL, extents);
    write("comb with a tail", 3000 * 16384ULL + 100, extents);
    engine::BackupResult result = runs_.run();
    EXPECT_LT(result.trailer.counts.read_bytes, 3000U * 4096 * 2 + kMiB);
    write("comb", 3000 * 16384ULL, {{1500 * 16384ULL, noise(4096, 7777)}});
    runs_.run();
}

TEST_F(SparseFiles, BecomesDenseAndSparseAgain) {
    write("file", 4 * kMiB, {{kMiB, noise(5000, 1)}});
    EXPECT_EQ(entry(runs_.run(), "file").stored, archive::Stored::sparse);
    write("file", 4 * kMiB, {{0, noise(4 * kMiB, 2)}});
    EXPECT_EQ(entry(runs_.run(), "file").stored, archive::Stored::whole);
    Fd fd = open_file(tree_ / "file", O_WRONLY);
    ASSERT_EQ(fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kMiB, 2 * kMiB), 0);
    fd.reset();
    EXPECT_EQ(entry(runs_.run(), "file").stored, archive::Stored::sparse);
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

/// The same bytes, but holes where zeros were: a restore must not be told another story than the disk's.
TEST_F(SparseFiles, ZerosBecomeHoles) {
    write("file", 4 * kMiB, {{0, std::string(4 * kMiB, '\0')}});
    runs_.run();
    Fd fd = open_file(tree_ / "file", O_WRONLY);
    ASSERT_EQ(fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 3 * kMiB), 0);
    fd.reset();
    runs_.run();
}

TEST_F(SparseFiles, MovedLinkedAndPreallocated) {
    write("a", 100 * kMiB, {{50 * kMiB, noise(5000, 1)}});
    write("linked", 100 * kMiB, {{50 * kMiB, noise(5000, 2)}});
    tree_.link("linked", "linked too");
    Fd fd = open_file(tree_ / "preallocated", O_WRONLY | O_CREAT, 0644);
    ASSERT_EQ(fallocate(fd.get(), 0, 0, 3 * kMiB), 0);
    pwrite_full(fd.get(), "x", kMiB);
    fd.reset();
    write("smaller than we store sparse", kMiB / 2, {{1000, "x"}});
    runs_.compare.check_sparseness = false;  // unwritten blocks and small holes are not kept
    runs_.run();
    tree_.rename("a", "b");
    tree_.rename("linked", "linked elsewhere");
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 5000U);
}

TEST_F(SparseFiles, InUncompressedSmallVolumes) {
    runs_.set.compression = archive::parse_compression("none");
    runs_.set.volume_bytes_max = 5 * kMiB;
    std::vector<Extent> extents;
    for (unsigned i = 0; i < 40; ++i) extents.push_back({i * kMiB * 3, noise(kMiB / 4 + i, i)});
    write("file", 200 * kMiB, extents);
    tree_.file("z", noise(3 * kMiB, 1));
    engine::BackupResult result = runs_.run();
    EXPECT_GT(result.trailer.volumes.size(), 2U);
}

}  // namespace
}  // namespace icecore::testing
