// Manifests that are lost or damaged are made again from the archives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "engine/rebuild.h"
#include "support/directory.h"
#include "support/history.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;

class LostManifest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    std::string manifest(const engine::BackupResult& result) const {
        return join_path(runs_.set.backup_dir,
                         engine::make_archive_names(runs_.set.name, result.header.run, result.header.kind,
                                                    result.header.started, runs_.set.compression.method)
                             .manifest);
    }
    engine::RebuildResult rebuild() {
        return engine::rebuild(runs_.environment(), runs_.set, runs_.observer);
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

TEST_F(LostManifest, MissingAndDamaged) {
    tree_.file("dir/file", noise(3000, 1));
    tree_.link("dir/file", "linked");
    engine::BackupResult first = runs_.run();
    tree_.rename("dir", "moved");
    tree_.remove("linked");
    tree_.file("more", noise(2000, 2));
    engine::BackupResult second = runs_.run();
    TreeSnapshot source = snapshot_tree(tree_.root());
    ASSERT_EQ(unlink(manifest(first).c_str()), 0);
    std::string damaged = read_file(manifest(second));
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    write_file_durably(runs_.environment().fs, runs_.set.backup_dir, std::string(base_name(manifest(second))),
                       damaged, true);

    engine::RebuildResult result = rebuild();
    EXPECT_EQ(result.runs, 2U);
    EXPECT_TRUE(result.left_out.empty());
    ASSERT_EQ(result.recovered.size(), 2U);
    EXPECT_THAT(result.recovered[0].reason, HasSubstr("missing"));
    EXPECT_EQ(read_file(manifest(second) + ".damaged"), damaged);
    EXPECT_EQ(join_lines(runs_.restore_differences(2, source)), "");
    EXPECT_EQ(runs_.catalog()->lookup(2, "moved/file")->sha256, sha256(noise(3000, 1)));

    engine::BackupResult third = runs_.run();
    EXPECT_EQ(third.header.kind, archive::RunKind::incremental);
    EXPECT_LT(third.trailer.counts.stored_bytes, 1500U) << "files are read again, not stored again";
}

TEST_F(LostManifest, ArchiveIsDamagedToo) {
    tree_.file("file", noise(3000, 1));
    engine::BackupResult first = runs_.run();
    std::string volume = runs_.volumes(first).at(0);
    std::string bytes = read_file(volume);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    write_file_durably(runs_.environment().fs, runs_.set.backup_dir, std::string(base_name(volume)), bytes,
                       true);
    std::string damaged = read_file(manifest(first)).substr(0, 100);
    write_file_durably(runs_.environment().fs, runs_.set.backup_dir, std::string(base_name(manifest(first))),
                       damaged, true);
    engine::RebuildResult result = rebuild();
    EXPECT_EQ(result.runs, 0U);
    ASSERT_EQ(result.left_out.size(), 1U);
    EXPECT_THAT(result.left_out[0].reason, HasSubstr("damaged"));
    EXPECT_EQ(read_file(manifest(first)), damaged) << "back in its place";
}

TEST_F(LostManifest, ADirectoryWasMadeAnewInThePlaceOfAnother) {
    tree_.file("a/old", "x");
    tree_.file("a/b/stays", noise(3000, 1));
    auto set = [&](const char* path) { return setxattr((tree_ / path).c_str(), "user.x", "y", 1, 0) == 0; };
    if (!set("a") || !set("a/b")) GTEST_SKIP() << "no extended attributes here";
    engine::BackupResult first = runs_.run();
    ASSERT_EQ(removexattr((tree_ / "a/b").c_str(), "user.x"), 0);
    tree_.rename("a/b", "c");
    tree_.remove("a");
    tree_.rename("c", "a");
    engine::BackupResult second = runs_.run();
    for (const engine::BackupResult* run : {&first, &second}) ASSERT_EQ(unlink(manifest(*run).c_str()), 0);
    EXPECT_TRUE(rebuild().left_out.empty());
    EXPECT_EQ(join_lines(runs_.restore_differences(2, snapshot_tree(tree_.root()))), "");
}

/// All manifests of a random history are lost.
TEST_F(LostManifest, RandomHistories) {
    const char* wanted = std::getenv("ICECORE_HISTORIES");
    const char* only = std::getenv("ICECORE_HISTORY_SEED");
    for (int i = 0; i < (wanted != nullptr ? std::atoi(wanted) : 25); ++i) {
        std::uint64_t seed =
            only != nullptr ? std::strtoull(only, nullptr, 10) : 9000 + static_cast<unsigned>(i);
        SCOPED_TRACE(format("seed {}", seed));
        CheckedRuns runs;
        runs.set.volume_bytes_max = 16 << 10;
        runs.set.frame_bytes_max = 8 << 10;
        std::vector<TreeSnapshot> trees;
        for (const Steps& steps : random_history(seed, 4, 14, Mix{})) {
            apply_steps(steps, runs.set.data_dir);
            trees.push_back(snapshot_tree(runs.set.data_dir));
            runs.backup({.allow_empty = true});
            wait_for_next_tick(runs.temp().path());
        }
        for (const std::string& name : list_directory(runs.set.backup_dir))
            if (name.ends_with(".manifest.zst")) unlink(join_path(runs.set.backup_dir, name).c_str());
        engine::RebuildResult result = engine::rebuild(runs.environment(), runs.set, runs.observer);
        for (const engine::RebuiltRun& run : result.left_out) ADD_FAILURE() << run.run << ": " << run.reason;
        if (HasFailure()) return;
        for (std::size_t run = 0; run < trees.size(); ++run) {
            auto wrong = runs.restore_differences(static_cast<catalog::RunNumber>(run + 1), trees[run]);
            EXPECT_EQ(join_lines(wrong), "") << "run " << run + 1;
        }
        engine::BackupResult next = runs.backup({.allow_empty = true});
        EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
        EXPECT_EQ(join_lines(runs.restore_differences(next.header.run, trees.back())), "");
        if (HasFailure() || only != nullptr) return;
    }
}

}  // namespace
}  // namespace icecore::testing
