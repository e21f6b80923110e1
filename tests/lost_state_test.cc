// archive.snar, catalogue or manifests are gone or damaged; the data moved to another disk.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

using archive::RunKind;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LostState : public ::testing::Test {
  protected:
    void SetUp() override {
        tree_.file("a/file", noise(30 << 10, 1));
        tree_.file("a/b/other", "other");
        tree_.link("a/file", "linked");
        tree_.symlink("symlink", "a");
    }
    std::string in_backup(std::string_view name) const { return join_path(runs_.set.backup_dir, name); }
    void remove_catalog() const {
        for (const char* suffix : {"", "-wal", "-shm"})
            unlink(in_backup(format("catalog.db{}", suffix)).c_str());
    }
    void remove_manifests() const {
        for (const std::string& name : list_directory(runs_.set.backup_dir))
            if (name.ends_with(".manifest.zst")) unlink(in_backup(name).c_str());
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

TEST_F(LostState, SnarDeletedMakesTheNextRunFull) {
    runs_.run();
    ASSERT_EQ(unlink(in_backup("archive.snar").c_str()), 0);
    tree_.file("a/new", "new");
    engine::BackupResult result = runs_.run();
    EXPECT_EQ(result.header.kind, RunKind::full);
    EXPECT_EQ(result.header.reason, "archive.snar is missing");
    EXPECT_THAT(read_file(result.log_file), HasSubstr("archive.snar is missing"));
    EXPECT_EQ(runs_.run().header.kind, RunKind::incremental);
}

TEST_F(LostState, CatalogueDeletedIsRebuilt) {
    runs_.run();
    tree_.file("a/new", "new");
    tree_.rename("a/b", "b");
    runs_.run();
    remove_catalog();
    tree_.file("a/new", "newer");
    engine::BackupResult result = runs_.run();
    EXPECT_EQ(result.header.kind, RunKind::incremental);
    EXPECT_EQ(result.header.run, 3U);
    EXPECT_LT(result.trailer.counts.stored_bytes, 4096U);
    EXPECT_THAT(runs_.observer.warnings,
                Contains(HasSubstr("is missing; it is made again from 2 manifests")));
}

TEST_F(LostState, DamagedCatalogueIsRebuiltWithAWarning) {
    runs_.run();
    remove_catalog();
    write_file_durably(*make_file_system(), runs_.set.backup_dir, "catalog.db", noise(64 << 10, 2), true);
    engine::BackupResult result = runs_.run();
    EXPECT_EQ(result.header.kind, RunKind::incremental);
    EXPECT_LT(result.trailer.counts.stored_bytes, 4096U);
    EXPECT_THAT(runs_.observer.warnings, Contains(HasSubstr("made again from the manifests")));
}

TEST_F(LostState, CatalogueDamagedInTheMiddle) {
    for (int i = 0; i < 2000; ++i) tree_.file(format("many/{}", i), "x");
    runs_.run();
    std::uint64_t size = std::filesystem::file_size(in_backup("catalog.db"));
    Fd fd = open_file(in_backup("catalog.db"), O_WRONLY);
    for (std::uint64_t at = 4096; at + 4096 <= size; at += 8192) pwrite_full(fd.get(), noise(4096, 3), at);
    fd.reset();
    tree_.file("many/new", "new");
    runs_.run();
    EXPECT_FALSE(runs_.observer.warnings.empty());
}

TEST_F(LostState, CatalogueAndManifestsDeleted) {
    runs_.run();
    runs_.run();
    remove_catalog();
    remove_manifests();
    engine::BackupResult result = runs_.run();
    EXPECT_EQ(result.header.kind, RunKind::full);
    EXPECT_EQ(result.header.run, 3U) << "numbers never repeat";
    EXPECT_EQ(result.header.reason, "catalogue and manifests of the earlier runs are not here");
    EXPECT_EQ(runs_.run().header.run, 4U);
}

TEST_F(LostState, GnuTarCarriesOnFromOurSnar) {
    tree_.file(std::string(200, 'n') + "/x\ny/\xff", "odd names");
    runs_.run();
    std::string snar = runs_.temp() / "copy.snar";
    // As GNU tar sees it all is older than the snapshot's time; ours is ten seconds ahead.
    std::filesystem::copy_file(in_backup("archive.snar"), snar);
    CommandResult tar = run_command(
        {"tar", "-C", tree_.root(), "--listed-incremental", snar, "-cf", runs_.temp() / "gnu.tar", "."});
    ASSERT_EQ(tar.status, 0) << tar.err;
    CommandResult list = run_command({"tar", "--quoting-style=literal", "-tf", runs_.temp() / "gnu.tar"});
    for (std::size_t at = 0; at < list.out.size();) {
        std::size_t end = list.out.find("/\n", at);
        ASSERT_NE(end, std::string::npos) << "not a directory: " << list.out.substr(at);
        at = end + 2;
    }
    EXPECT_THAT(tar.err, Not(HasSubstr("directory is new")));
    EXPECT_THAT(tar.err, Not(HasSubstr("renamed")));
}

TEST_F(LostState, GnuTarFindsWhatChangedSinceOurSnar) {
    CheckedRuns now(0);
    now.tree.file("a/old", "old");
    now.tree.file("a/changes", "old");
    wait_for_next_tick(now.temp().path());
    now.run();
    now.tree.file("a/changes", "changed");
    now.tree.file("b/new", "new");
    std::string snar = now.temp() / "copy.snar";
    std::filesystem::copy_file(now.set.backup_dir + "/archive.snar", snar);
    CommandResult tar = run_command(
        {"tar", "-C", now.tree.root(), "--listed-incremental", snar, "-cvf", now.temp() / "gnu.tar", "."});
    EXPECT_THAT(tar.out + tar.err, HasSubstr("./a/changes"));
    EXPECT_THAT(tar.out + tar.err, HasSubstr("./b/new"));
    EXPECT_THAT(tar.out + tar.err, Not(HasSubstr("./a/old")));
}

/// cp -a keeps all but inode numbers, ctimes and the device: not a byte of content is stored again.
TEST_F(LostState, DataOnAnotherFileSystem) {
    tree_.file("large", noise(3 << 20, 4));
    for (int i = 0; i < 50; ++i) tree_.file(format("d{}/file", i), noise(2000, static_cast<unsigned>(i)));
    runs_.run();
    std::string other = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string pattern = other + "/icecore-test-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    std::string copy = pattern + "/data";
    ASSERT_EQ(run_command({"cp", "-a", tree_.root(), copy}).status, 0);
    runs_.set.data_dir = copy;
    engine::BackupResult result = runs_.run();
    EXPECT_EQ(result.header.kind, RunKind::incremental);
    EXPECT_LT(result.trailer.counts.stored_bytes, 16U << 10);
    for (const auto& [path, entry] : runs_.entries(result))
        EXPECT_TRUE(entry.stat.type != FileType::regular || entry.stat.nlink > 1 || entry.location.run == 1)
            << path;
    result = runs_.run();
    EXPECT_LT(result.trailer.counts.stored_bytes, 4096U);
    EXPECT_LT(result.trailer.counts.read_bytes, 1000U) << "the new numbers are known now";
    std::filesystem::remove_all(pattern);
}

TEST_F(LostState, InodeNumbersChangedByACopy) {
    tree_.file("large", noise(3 << 20, 4));
    runs_.run();
    ASSERT_EQ(run_command({"cp", "-a", tree_.root(), runs_.temp() / "copy"}).status, 0);
    std::filesystem::rename(tree_.root(), runs_.temp() / "before");
    std::filesystem::rename(runs_.temp() / "copy", tree_.root());
    engine::BackupResult result = runs_.run();
    EXPECT_LT(result.trailer.counts.stored_bytes, 8U << 10);
    EXPECT_EQ(result.trailer.counts.changed, 0U);
    for (const auto& [path, entry] : runs_.entries(result))
        EXPECT_TRUE(entry.stat.type != FileType::regular || entry.location.run == 1) << path;
}

TEST_F(LostState, ManifestOfTheLastRunLost) {
    runs_.run();
    tree_.file("a/new", "new");
    engine::BackupResult second = runs_.run();
    remove_catalog();
    std::string manifest = second.header.archive_name;
    manifest.replace(manifest.find(".tar"), std::string::npos, ".manifest.zst");
    ASSERT_EQ(unlink(in_backup(manifest).c_str()), 0);
    engine::BackupResult third = runs_.run();
    EXPECT_EQ(third.header.kind, RunKind::full);
    EXPECT_EQ(third.header.run, 3U);
    EXPECT_EQ(third.header.reason, "the manifest of run 2 is lost");
}

}  // namespace
}  // namespace icecore::testing
