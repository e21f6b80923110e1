// What is wrong with a directory to adopt is told, and takes away no more than it must.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "adopt_fixture.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AdoptDamage : public Adopt {
  protected:
    /// Three archives; each has something that the others do not.
    void make_chain(OldScript& script) {
        tree_.file("dir/one", noise(40'000, 1));
        tree_.file("dir/same", "same");
        wait_for_next_tick(runs_.temp().path());
        script.run();
        tree_.file("two", noise(40'000, 2));
        tree_.file("two-more", noise(40'000, 3));
        script.run();
        tree_.file("three", noise(3000, 4));
        script.run();
    }
    void change(const std::string& path, const std::function<void(std::string&)>& change) {
        FileStat stat;
        ASSERT_TRUE(stat_at(AT_FDCWD, path.c_str(), stat));
        std::string bytes = read_file(path);
        change(bytes);
        write_file_durably(runs_.environment().fs, std::string(parent_path(path)),
                           std::string(base_name(path)), bytes, true);
        timespec times[2] = {{0, UTIME_OMIT}, {stat.mtime.sec, static_cast<long>(stat.mtime.nsec)}};
        ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);  // rot does not change it
    }
    /// After all, the next run has everything, by tar and by icecore.
    void check_next_run(OldScript& script) {
        TreeSnapshot source = in_whole_seconds(snapshot_tree(tree_.root()));
        engine::BackupResult next = runs_.backup();
        EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
        for (const std::string& volume : runs_.volumes(next)) script.extract(volume);
        EXPECT_EQ(join_lines(differences(source, in_whole_seconds(snapshot_tree(script.bare())))), "");
        std::string to = runs_.temp() / "restored-next";
        runs_.restore(next.header.run, to);
        EXPECT_EQ(join_lines(differences(source, in_whole_seconds(snapshot_tree(to)))), "");
    }
    OldScript script_{runs_, {}};
};

TEST_F(AdoptDamage, AMissingArchiveIsSeenByWhatOnlyItHeld) {
    make_chain(script_);
    unlink(script_.path("backup-2.tar.gz").c_str());
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_FALSE(result.is_complete());
    EXPECT_EQ(result.runs[1].lost, 2U);
    EXPECT_THAT(result.runs[1].examples, ::testing::ElementsAre("two", "two-more"));
    EXPECT_EQ(result.runs[1].trailer.counts.errors, 2U);
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, TheFullArchiveIsMissing) {
    make_chain(script_);
    unlink(script_.path("backup-1.tar.gz").c_str());
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_EQ(result.runs[0].header.kind, archive::RunKind::full);
    EXPECT_THAT(result.runs[0].header.reason, HasSubstr("missing"));
    EXPECT_EQ(result.runs[0].lost, 2U);
    EXPECT_EQ(result.runs[1].lost, 2U);
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, ATruncatedArchiveGivesWhatIsBeforeTheCut) {
    make_chain(script_);
    change(script_.path("backup-2.tar.gz"), [](std::string& bytes) { bytes.resize(bytes.size() * 6 / 10); });
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 3U);
    EXPECT_THAT(result.runs[1].header.adopted->damage, HasSubstr("ends too early"));
    EXPECT_EQ(result.runs[1].not_stored, 1U);
    EXPECT_EQ(result.runs[2].lost, 0U) << "that it is not there is no news";
    EXPECT_TRUE(runs_.catalog()->lookup(2, "two").has_value());
    EXPECT_FALSE(runs_.catalog()->lookup(2, "two-more").has_value());
    EXPECT_EQ(runs_.catalog()->lookup(3, "two")->sha256, sha256(noise(40'000, 2)));
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty()) << "it is what it was when it was adopted";
    for (const engine::AdoptedRun& run : result.runs)
        script_.extract(join_path(runs_.set.backup_dir, run.header.archive_name));
    check_next_run(script_);
}

TEST_F(AdoptDamage, AFlippedBit) {
    make_chain(script_);
    change(script_.path("backup-2.tar.gz"), [](std::string& bytes) { bytes[bytes.size() * 6 / 10] ^= 16; });
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 3U);
    EXPECT_THAT(result.runs[1].header.adopted->damage, HasSubstr("damaged"));
    EXPECT_FALSE(result.is_complete());
    EXPECT_EQ(runs_.catalog()->lookup(3, "dir/one")->sha256, sha256(noise(40'000, 1)));
    for (const engine::AdoptedRun& run : result.runs)
        script_.extract(join_path(runs_.set.backup_dir, run.header.archive_name));
    check_next_run(script_);
}

TEST_F(AdoptDamage, WhatIsNoArchiveIsLeftOut) {
    make_chain(script_);
    write_file_durably(runs_.environment().fs, script_.dir(), "broken.tar.gz", "this is no archive", false);
    write_file_durably(runs_.environment().fs, script_.dir(), "empty.tar", "", false);
    write_file_durably(runs_.environment().fs, script_.dir(), "script.log", "done\n", false);
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.runs.size(), 3U);
    ASSERT_EQ(result.passed_over.size(), 2U);
    EXPECT_EQ(result.passed_over[0].name, "broken.tar.gz");
    EXPECT_THAT(result.passed_over[1].reason, HasSubstr("empty"));
    EXPECT_FALSE(result.is_complete());
}

TEST_F(AdoptDamage, WhatCannotBeOpenedNowIsNotLeftOutForGood) {
    make_chain(script_);
    ASSERT_EQ(symlink("nowhere", script_.path("backup-0.tar.gz").c_str()), 0);
    ASSERT_EQ(rename(script_.path("backup-2.tar.gz").c_str(), script_.path("away").c_str()), 0);
    ASSERT_EQ(symlink("backup-2.tar.gz", script_.path("backup-2.tar.gz").c_str()), 0);
    Error error = error_of(script_.dir());
    EXPECT_THAT(error.message(), HasSubstr("backup-2.tar.gz: Too many levels of symbolic links"));
    EXPECT_THAT(error.hint(), HasSubstr("make it readable"));
    ASSERT_EQ(rename(script_.path("away").c_str(), script_.path("backup-2.tar.gz").c_str()), 0);
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.runs.size(), 3U);
    ASSERT_EQ(result.passed_over.size(), 1U);
    EXPECT_EQ(result.passed_over[0].reason, "it is a link to nothing");
    check_runs(script_, result);
}

TEST_F(AdoptDamage, SocketsAndUnreadableFilesAreNoMissingArchives) {
    make_socket(tree_ / "socket");
    make_chain(script_);
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_TRUE(result.is_complete());
    EXPECT_EQ(result.runs[0].not_stored, 1U);
    EXPECT_EQ(result.runs[0].trailer.counts.errors, 0U);
    EXPECT_EQ(result.runs[1].not_stored + result.runs[1].lost, 0U);
}

TEST_F(AdoptDamage, SnapshotFileMissing) {
    make_chain(script_);
    unlink(script_.path("archive.snar").c_str());
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::missing);
    EXPECT_EQ(runs_.backup().header.kind, archive::RunKind::full);
}

TEST_F(AdoptDamage, SnapshotFileOfAnotherRun) {
    tree_.file("early", "early");
    wait_for_next_tick(runs_.temp().path());
    script_.run("backup-0.tar.gz");
    std::string stale = read_file(script_.path("archive.snar"));
    make_chain(script_);
    change(script_.path("archive.snar"), [&](std::string& bytes) { bytes = stale; });
    tree_.file("two", noise(40'000, 22));
    tree_.rename("dir/one", "dir/renamed");
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::differs);
    EXPECT_THAT(result.snapshot_problem, HasSubstr("backup-4.tar.gz"));
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, SnapshotFileDamaged) {
    make_chain(script_);
    change(script_.path("archive.snar"), [](std::string& bytes) { bytes.resize(bytes.size() / 2); });
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::damaged);
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, MultiVolumeArchivesAreRefused) {
    for (const char* format : {"gnu", "pax"}) {
        SCOPED_TRACE(format);
        std::string dir = runs_.temp().make_dir(std::string("multi-") + format);
        tree_.file("large", noise(60'000, 1));
        std::string answers = join_path(dir, "more");
        ASSERT_EQ(run_command({"tar", std::string("--format=") + format, "-M", "-L", "40", "-c", "-f",
                               join_path(dir, "a-1.tar"), "-f", join_path(dir, "a-2.tar"), "-C",
                               runs_.set.data_dir, "."})
                      .status,
                  0);
        Error error = error_of(dir);
        EXPECT_EQ(error.kind(), Error::Kind::unsupported);
        EXPECT_THAT(error.message(), HasSubstr("multi-volume"));
        EXPECT_THAT(error.message(), HasSubstr("a-2.tar"));
    }
    EXPECT_FALSE(path_exists(runs_.set.backup_dir)) << "nothing is made for nothing";
}

TEST_F(AdoptDamage, OtherCompressionIsRefusedWithTheWayOut) {
    make_chain(script_);
    ASSERT_EQ(run_command({"tar", "-c", "-J", "-f", script_.path("b.tar.xz"), "-C", runs_.set.data_dir, "."})
                  .status,
              0);
    Error error = error_of(script_.dir());
    EXPECT_THAT(error.message(), HasSubstr("b.tar.xz is compressed with xz"));
    EXPECT_THAT(error.hint(), HasSubstr("xz -dc"));
    engine::AdoptRequest request;
    request.find.names = script_.names();
    EXPECT_EQ(adopt(script_.dir(), request).runs.size(), 3U) << "those that are named do";
}

TEST_F(AdoptDamage, ArchivesOfOtherDirectories) {
    make_chain(script_);
    std::string other = runs_.temp().make_dir("etc");
    write_file_durably(runs_.environment().fs, other, "passwd", "root", false);
    ASSERT_EQ(
        run_command({"tar", "-c", "-z", "-f", script_.path("etc.tar.gz"), "-C", runs_.temp().path(), "etc"})
            .status,
        0);
    engine::AdoptRequest request;
    request.find.names = {"etc.tar.gz"};
    Error error = error_of(script_.dir(), request);
    EXPECT_THAT(error.message(), HasSubstr("\"etc\""));
    EXPECT_THAT(error.hint(), HasSubstr("--root"));
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.runs.size(), 3U);
    ASSERT_EQ(result.passed_over.size(), 1U);
    EXPECT_THAT(result.passed_over[0].reason, HasSubstr("it is of \"etc\""));
    EXPECT_TRUE(result.is_complete());
}

TEST_F(AdoptDamage, SeveralSetsInADirectoryAreToldApart) {
    make_chain(script_);
    std::string other = runs_.temp().make_dir("other");
    write_file_durably(runs_.environment().fs, other, "unlike", "1", false);
    std::string snar = runs_.temp() / "other.snar";
    for (const char* name : {"other-1.tar.gz", "other-2.tar.gz"}) {
        ASSERT_EQ(
            run_command({"tar", "-g", snar, "-c", "-z", "-f", script_.path(name), "-C", other, "."}).status,
            0);
        wait_for_next_tick(runs_.temp().path());
    }
    tree_.file("four", "4");
    script_.run("backup-4.tar.gz");
    Error error = error_of(script_.dir());
    EXPECT_THAT(error.message(), HasSubstr("not one name in common"));
    EXPECT_THAT(error.hint(), HasSubstr("name the archives"));
    engine::AdoptRequest request;
    request.find.names = script_.names();
    engine::AdoptResult result = adopt(script_.dir(), request);
    EXPECT_EQ(result.runs.size(), 4U);
    EXPECT_TRUE(result.is_complete());
    check_runs(script_, result);
}

TEST_F(AdoptDamage, ABackupThatComesFirstReplacesNothing) {
    make_chain(script_);
    runs_.set.backup_dir = script_.dir();
    std::string snapshot = read_file(script_.path("archive.snar"));
    try {
        runs_.backup();
        ADD_FAILURE() << "the old chain's snapshot file was replaced";
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), Error::Kind::exists);
        EXPECT_THAT(e.message(), HasSubstr("archive.snar and no run that it belongs to"));
        EXPECT_THAT(e.hint(), HasSubstr("`icecore adopt " + script_.dir() + "`"));
    }
    EXPECT_EQ(read_file(script_.path("archive.snar")), snapshot);
    check_runs(script_, adopt(script_.dir()));
    check_next_run(script_);
}

TEST_F(AdoptDamage, ADirectoryOfIcecoresIsRefused) {
    tree_.file("a", "a");
    runs_.backup();
    Error error = error_of(runs_.set.backup_dir);
    EXPECT_EQ(error.kind(), Error::Kind::exists);
    EXPECT_THAT(error.message(), HasSubstr("run 1"));
    std::string ours = runs_.set.backup_dir;
    runs_.set.backup_dir = runs_.temp() / "elsewhere";
    error = error_of(ours);
    EXPECT_EQ(error.kind(), Error::Kind::exists);
    EXPECT_THAT(error.hint(), HasSubstr("rebuild"));
    EXPECT_FALSE(path_exists(runs_.set.backup_dir));
}

}  // namespace
}  // namespace icecore::testing
