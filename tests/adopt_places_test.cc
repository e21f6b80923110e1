// Where archives come from and go to: names, places, the target.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "adopt_fixture.h"
#include "engine/offsite_volumes.h"
#include "engine/upload.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using ::testing::IsEmpty;

TEST_F(Adopt, FromAnAbsolutePathWithTheReadmesCommands) {
    OldScript script(runs_, {});
    tree_.file("dir/one", noise(4000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run({}, "/", {runs_.set.data_dir});
    tree_.rename("dir", "moved");
    tree_.file("moved/two", "2");
    script.run({}, "/", {runs_.set.data_dir});
    engine::AdoptResult result = adopt(script.dir());
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_EQ("/" + result.root, runs_.set.data_dir);
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::matches) << result.snapshot_problem;
    EXPECT_TRUE(runs_.catalog()->lookup(2, "moved/one").has_value());
    EXPECT_FALSE(runs_.catalog()->lookup(2, "dir").has_value());
    tree_.remove("moved/one");
    engine::BackupResult next = runs_.backup();
    EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
    TreeSnapshot source = in_whole_seconds(snapshot_tree(tree_.root()));

    std::string readme = read_file(join_path(runs_.set.backup_dir, "README.restore.txt"));
    std::size_t begin = readme.find("    mkdir /restore");
    std::string commands = readme.substr(begin, readme.find("\n\n", begin) - begin);
    std::string place = runs_.temp() / "by-readme";
    for (std::size_t at = 0; (at = commands.find("/restore", at)) != std::string::npos; at += place.size())
        commands.replace(at, 8, place);
    CommandResult shell = run_command({"sh", "-eu", "-c", commands});
    EXPECT_EQ(shell.status, 0) << commands << shell.err;
    EXPECT_EQ(join_lines(differences(source, in_whole_seconds(snapshot_tree(place + runs_.set.data_dir)))),
              "");
}

TEST_F(Adopt, InTheBackupDirectoryItselfAndRenamed) {
    OldScript script(runs_, {});
    runs_.set.backup_dir = script.dir();
    tree_.file("a", noise(3000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("b", "b");
    script.run();
    std::string snapshot = read_file(script.path("archive.snar"));
    std::string bytes = read_file(script.path("backup-1.tar.gz"));
    engine::AdoptRequest request;
    request.rename = true;
    engine::AdoptResult result = adopt(script.dir(), request);
    EXPECT_EQ(result.renamed, script.names());
    EXPECT_FALSE(path_exists(script.path("backup-1.tar.gz")));
    EXPECT_EQ(read_file(script.path(result.runs[0].header.archive_name)), bytes);
    EXPECT_EQ(read_file(script.path("archive.snar")), snapshot);
    check_runs(script, result);
    result = adopt(script.dir(), request);
    EXPECT_EQ(result.runs.size(), 2U) << "once more: there is nothing left to do";
    EXPECT_TRUE(result.runs[1].adopted_before);

    // The script runs once more.
    tree_.file("c", "c");
    script.run("later.tar.gz");
    result = adopt(script.dir());
    ASSERT_EQ(result.runs.size(), 1U);
    EXPECT_EQ(result.runs[0].header.run, 3U);
    EXPECT_EQ(result.runs[0].header.parent, 2U);
    EXPECT_EQ(result.runs[0].lost, 0U);
    check_runs(script, result);
    EXPECT_EQ(runs_.backup().header.kind, archive::RunKind::incremental);
    EXPECT_EQ(error_of(script.dir()).kind(), Error::Kind::exists) << "now there are runs of ours";
}

TEST_F(Adopt, DryRunsAndCopies) {
    OldScript script(runs_, {});
    tree_.file("a", noise(3000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run("2024-05-02.tar.gz");
    tree_.file("b", "b");
    script.run("2024-05-03.tar.gz");
    engine::AdoptRequest request;
    request.dry_run = true;
    engine::AdoptResult result = adopt(script.dir(), request);
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_TRUE(result.runs[0].time_from_name);
    EXPECT_EQ(format_local(result.runs[1].header.started), "2024-05-03 00:00:00");
    EXPECT_THAT(result.runs[0].header.archive_name, ::testing::StartsWith("set-000001-full-2024050"));
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::matches);
    EXPECT_FALSE(path_exists(runs_.set.backup_dir));
    request = {};
    request.copy = true;
    result = adopt(script.dir(), request);
    EXPECT_FALSE(result.runs[0].linked);
    FileStat stat;
    ASSERT_TRUE(stat_at(AT_FDCWD, script.path("2024-05-02.tar.gz").c_str(), stat));
    EXPECT_EQ(stat.nlink, 1U);
    check_runs(script, result);
}

TEST_F(Adopt, IsStoredOffsiteAndRestoredFromThere) {
    OldScript script(runs_, {});
    tree_.file("dir/large", noise(3 << 20, 1));
    tree_.file("small", "1");
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("small", "2");
    tree_.file("more", noise(100'000, 2));
    script.run("second.tar");
    engine::AdoptResult result = adopt(script.dir());
    check_runs(script, result);
    runs_.set.target.type = engine::TargetOptions::Type::dir;
    runs_.set.target.directory = runs_.temp().make_dir("usb");
    engine::BackupResult next = runs_.backup();
    ASSERT_TRUE(next.upload && next.upload->complete()) << join_lines(next.upload->problems);
    for (const engine::AdoptedRun& run : result.runs) {
        std::string name = run.header.archive_name;
        std::string offsite = runs_.set.target.directory + "/host/set/" + name;
        EXPECT_EQ(read_file(offsite), read_file(script.path(run.name))) << "byte for byte";
        ASSERT_EQ(unlink(join_path(runs_.set.backup_dir, name).c_str()), 0);
    }
    auto catalog = runs_.catalog();
    engine::RestoreRequest request{.at = 3, .to = runs_.temp() / "restored"};
    auto offsite = engine::offsite_volumes(runs_.environment(), runs_.set, runs_.observer);
    ASSERT_TRUE(offsite.has_value());
    request.further_sources.push_back(std::move(*offsite));
    engine::RestoreResult restored =
        engine::restore(runs_.environment(), runs_.set, *catalog, request, runs_.observer);
    EXPECT_THAT(restored.problems.lines(), IsEmpty());
    EXPECT_EQ(join_lines(differences(in_whole_seconds(snapshot_tree(tree_.root())),
                                     in_whole_seconds(snapshot_tree(request.to)))),
              "");
}

}  // namespace
}  // namespace icecore::testing
