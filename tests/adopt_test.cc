// Directories of archives that GNU tar made are taken over: their runs restore, the catalogue can be made
// again, and the chain goes on.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "adopt_fixture.h"
#include "archive/snar.h"
#include "base/forwarding_file_system.h"
#include "engine/rebuild.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(Adopt, TheNextRunsStoreAndReadOnlyWhatChanged) {
    OldScript script(runs_, {});
    tree_.file("a/one", noise(60'000, 1));
    tree_.file("a/two", noise(50'000, 2));
    tree_.link("a/two", "b-two");
    tree_.file("large", noise(2 << 20, 3));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("b/three", noise(30'000, 4));
    script.run();
    engine::AdoptResult result = adopt(script.dir());
    check_runs(script, result);

    tree_.rename("a", "renamed");
    engine::BackupResult next = runs_.backup();
    EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
    EXPECT_EQ(next.trailer.counts.renamed, 1U) << "the snapshot file told the directory's inode number";
    EXPECT_LT(next.trailer.counts.stored_bytes, 4000U) << "mtimes without fraction are no changes";
    EXPECT_GT(next.trailer.counts.read_bytes, 2U << 20) << "everything was compared once";
    script.extract(runs_.volumes(next).at(0));
    EXPECT_EQ(join_lines(runs_.restore_differences(3, snapshot_tree(script.bare()))), "");

    wait_for_next_tick(runs_.temp().path());
    engine::BackupResult last = runs_.backup();
    EXPECT_EQ(last.trailer.counts.read_bytes, 0U);
    EXPECT_EQ(last.trailer.counts.changed, 0U);
    tree_.append("renamed/one", "more");
    tree_.rename("large", "renamed/large");
    engine::BackupResult changed = runs_.backup();
    EXPECT_LT(changed.trailer.counts.stored_bytes, 65'000U);
    EXPECT_EQ(changed.trailer.counts.renamed, 1U) << "also of a file whose recorded time has no fraction";
    EXPECT_EQ(join_lines(differences(in_whole_seconds(snapshot_tree(tree_.root())), in_whole_seconds([&] {
                                         runs_.restore(5, runs_.temp() / "last");
                                         return snapshot_tree(runs_.temp() / "last");
                                     }()))),
              "");
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
}

TEST_F(Adopt, OddNamesAttributesSparseFilesAndLinks) {
    for (const char* format : {"gnu", "pax"}) {
        SCOPED_TRACE(format);
        CheckedRuns runs;
        Tree& tree = runs.tree;
        bool pax = std::string(format) == "pax";
        OldScript script(runs, {format, ".tar.gz", pax});
        std::string deep(200, 'd');
        tree.file("new\nline/tab\t and blank ", "1");
        tree.file("not \xff utf-8/\xe9", "2");
        tree.file(deep + "/" + std::string(200, 'e') + "/" + std::string(255, 'f'), "3");
        tree.symlink("link", std::string(300, 'x'));
        tree.file("-starts-with-a-dash", "4");
        tree.file("back\\slash*[glob]?", "5");
        tree.file("linked/one", noise(2000, 5));
        tree.link("linked/one", deep + "/two");
        tree.file("sparse", "");
        ASSERT_EQ(truncate((tree / "sparse").c_str(), 5 << 20), 0);
        {
            Fd fd = open_file(tree / "sparse", O_WRONLY);
            pwrite_full(fd.get(), noise(8192, 6), 1 << 20);
            pwrite_full(fd.get(), noise(8192, 7), 4 << 20);
        }
        if (pax) {
            ASSERT_EQ(setxattr((tree / "linked/one").c_str(), "user.note", "value=\n%", 8, 0), 0);
            ASSERT_EQ(setxattr((tree / "linked").c_str(), "user.dir", "d", 1, 0), 0);
            ASSERT_EQ(run_command({"setfacl", "-m", "u:4711:r,d:g:42:rx", tree / "linked"}).status, 0);
        }
        wait_for_next_tick(runs.temp().path());
        script.run();
        tree.rename("not \xff utf-8", "r\xe4name");
        tree.remove("new\nline/tab\t and blank ");
        tree.rename(deep, "short");
        if (pax) {
            ASSERT_EQ(removexattr((tree / "linked").c_str(), "user.dir"), 0);
        }
        tree.file("linked/new", "6");
        script.run();
        tree.file("linked/one", "changed");
        script.run();

        engine::AdoptResult result = adopt_into(runs, script.dir());
        ASSERT_EQ(result.runs.size(), 3U);
        for (const engine::AdoptedRun& run : result.runs) {
            script.extract(join_path(runs.set.backup_dir, run.header.archive_name));
            EXPECT_EQ(script.last().status, 0) << script.last().err;
            EXPECT_EQ(join_lines(runs.restore_differences(run.header.run, snapshot_tree(script.bare()))), "");
        }
        TreeSnapshot source = snapshot_tree(tree.root());
        engine::BackupResult next = runs.backup();
        EXPECT_LT(next.trailer.counts.stored_bytes, 5000U) << "the sparse file is the same";
        script.extract(runs.volumes(next).at(0));
        TreeSnapshot bare = snapshot_tree(script.bare());
        EXPECT_EQ(join_lines(differences(pax ? source : in_whole_seconds(source),
                                         pax ? bare : in_whole_seconds(bare))),
                  "");
        EXPECT_EQ(join_lines(runs.restore_differences(4, bare)), "");
    }
}

/// Formats 0 and 1 of the snapshot file are those of older tars, written here by the manual's description:
/// tar 1.34 itself takes neither any more ("Invalid inode number", because of the blank before it).
TEST_F(Adopt, SnapshotFilesOfAllFormats) {
    for (int format_number = 0; format_number <= 2; ++format_number) {
        SCOPED_TRACE(format_number);
        CheckedRuns runs;
        OldScript script(runs, {});
        runs.tree.file("dir/file", noise(9000, 1));
        runs.tree.file("top", "top");
        wait_for_next_tick(runs.temp().path());
        script.run();
        archive::Snar snar = archive::parse_snar(read_file(script.path("archive.snar")));
        if (format_number < 2) {
            std::string text;
            if (format_number == 1) text = "GNU tar-1.15.1-1\n";
            text += format_number == 0 ? format("{}\n", snar.run_time.sec + 1)
                                       : format("{} {}\n", snar.run_time.sec, snar.run_time.nsec);
            for (const archive::SnarDirectory& dir : snar.directories)
                text += format_number == 0 ? format("{} {} {}\n", dir.dev, dir.ino, dir.name)
                                           : format("{} {} {} {} {}\n", dir.mtime.sec, dir.mtime.nsec,
                                                    dir.dev, dir.ino, dir.name);
            write_file_durably(runs.environment().fs, script.dir(), "archive.snar", text, true);
        }
        engine::AdoptResult result = adopt_into(runs, script.dir());
        EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::matches) << result.snapshot_problem;
        EXPECT_TRUE(path_exists(join_path(runs.set.backup_dir, "archive.snar")));
        runs.tree.rename("dir", "moved");
        engine::BackupResult next = runs.backup();
        EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
        EXPECT_EQ(next.trailer.counts.renamed, 1U);
    }
}

TEST_F(Adopt, CatalogueAndManifestsCanBeMadeAgain) {
    OldScript script(runs_, {});
    tree_.file("a/one", noise(6000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.rename("a", "z");
    tree_.file("z/two", noise(100, 2));
    script.run();
    tree_.remove("z/one");
    script.run("uncompressed.tar");
    engine::AdoptResult result = adopt(script.dir());
    runs_.backup();
    std::vector<std::string> trees;
    for (catalog::RunNumber run = 1; run <= 4; ++run) trees.push_back(dump_tree(*runs_.catalog(), run));
    EXPECT_THAT(trees[3], HasSubstr("z/two"));

    engine::RebuildResult rebuilt = engine::rebuild(runs_.environment(), runs_.set, runs_.observer);
    EXPECT_THAT(rebuilt.left_out, IsEmpty());
    for (catalog::RunNumber run = 1; run <= 4; ++run)
        EXPECT_EQ(dump_tree(*runs_.catalog(), run), trees[run - 1]);
    EXPECT_EQ(runs_.catalog()->run(3)->header, result.runs[2].header);

    for (const std::string& name : list_directory(runs_.set.backup_dir))
        if (name.ends_with(".manifest.zst")) unlink(join_path(runs_.set.backup_dir, name).c_str());
    rebuilt = engine::rebuild(runs_.environment(), runs_.set, runs_.observer);
    for (const engine::RebuiltRun& run : rebuilt.left_out) ADD_FAILURE() << run.run << ": " << run.reason;
    EXPECT_EQ(rebuilt.recovered.size(), 4U);
    for (catalog::RunNumber run = 1; run <= 3; ++run)
        EXPECT_TRUE(runs_.catalog()->run(run)->header.adopted.has_value());
    EXPECT_FALSE(runs_.catalog()->run(4)->header.adopted.has_value());
    check_runs(script, result);
}

TEST_F(Adopt, CanBeStoppedAnywhereAndDoneAgain) {
    OldScript script(runs_, {});
    tree_.file("a", noise(5000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("b", noise(5000, 2));
    script.run();

    struct Stopping final : ForwardingFileSystem {
        void step() override {
            if (--left == 0) throw Error(Error::Kind::io, "stopped here");
        }
        int left = 0;
    };
    for (bool copy : {false, true}) {
        int stops = 0;
        for (int at = 1;; ++at) {
            SCOPED_TRACE(format("{} {}", copy, at));
            engine::SetOptions set = runs_.set;
            set.backup_dir = runs_.temp() / format("backup-{}-{}", copy, at);
            Stopping fs;
            fs.left = at;
            SystemClock clock;
            engine::Environment environment{clock, fs, "host", "test", 2};
            engine::AdoptRequest request;
            request.find.dir = script.dir();
            request.copy = copy;
            try {
                engine::adopt(environment, set, request, runs_.observer);
            } catch (const Error& e) {
                EXPECT_THAT(e.message(), HasSubstr("stopped here"));
                ++stops;
            }
            bool stopped = fs.left <= 0;
            fs.left = 0;
            engine::AdoptResult again = engine::adopt(environment, set, request, runs_.observer);
            ASSERT_EQ(again.runs.size(), 2U);
            for (const engine::AdoptedRun& run : again.runs) EXPECT_TRUE(stopped || run.adopted_before);
            auto catalog = engine::open_catalog(environment, set, runs_.observer);
            EXPECT_EQ(catalog->runs().size(), 2U);
            EXPECT_EQ(catalog->lookup(2, "b")->sha256, sha256(noise(5000, 2)));
            EXPECT_TRUE(path_exists(join_path(set.backup_dir, "archive.snar")));
            for (const std::string& name : script.names()) EXPECT_TRUE(path_exists(script.path(name)));
            if (!stopped) break;
        }
        EXPECT_GE(stops, 6);
    }
}

}  // namespace
}  // namespace icecore::testing
