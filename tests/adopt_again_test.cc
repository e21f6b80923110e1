// What an adoption meets that was done before, and directories that hold more than a chain of archives.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "adopt_fixture.h"
#include "engine/rebuild.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AdoptAgain : public Adopt {
  protected:
    void make_two(OldScript& script) {
        tree_.file("one", "1");
        wait_for_next_tick(runs_.temp().path());
        script.run();
        tree_.file("two", "2");
        script.run();
    }
    void tar(const std::string& arguments) {
        CommandResult done = run_command({"sh", "-euc", "cd " + runs_.set.data_dir + "; tar " + arguments});
        ASSERT_EQ(done.status, 0) << done.err;
    }
    OldScript script_{runs_, {.suffix = ".tar"}};
};

TEST_F(AdoptAgain, ANameThatTheScriptUsesAgainIsANewArchive) {
    engine::AdoptRequest copy;
    copy.copy = true;
    tree_.file("one", "1");
    wait_for_next_tick(runs_.temp().path());
    script_.run("monday.tar");
    adopt(script_.dir(), copy);
    unlink(script_.path("monday.tar").c_str());
    tree_.file("two", "2");
    script_.run("monday.tar");
    engine::AdoptResult result = adopt(script_.dir(), copy);
    ASSERT_THAT(result.runs, SizeIs(1));
    EXPECT_FALSE(result.runs[0].adopted_before) << "of the same name and size";
    EXPECT_TRUE(runs_.catalog()->lookup(2, "two").has_value());
    EXPECT_TRUE(adopt(script_.dir(), copy).runs[0].adopted_before);
}

TEST_F(AdoptAgain, WhoWritesOverAnAdoptedArchiveIsTold) {
    make_two(script_);
    adopt(script_.dir());
    tree_.file("three", "3");
    tar("-c -g " + script_.path("archive.snar") + " -f " + script_.path("backup-2.tar") + " .");
    ASSERT_EQ(run_command({"touch", "-d", "+1 hour", script_.path("backup-2.tar")}).status, 0);
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_THAT(result.overwritten, SizeIs(1)) << "though it has the same size";
    EXPECT_EQ(result.overwritten[0].run, 2U);
    EXPECT_FALSE(result.is_complete());
    EXPECT_EQ(result.runs.back().header.run, 3U);
    EXPECT_TRUE(runs_.catalog()->lookup(3, "three").has_value());
}

TEST_F(AdoptAgain, AnOlderArchiveComesTooLate) {
    make_two(script_);
    std::string late = runs_.temp() / "late.tar";
    std::filesystem::rename(script_.path("backup-1.tar"), late);
    engine::AdoptRequest request;
    request.rename = true;
    request.find.names = {"backup-2.tar"};
    adopt(script_.dir(), request);
    std::filesystem::rename(late, script_.path("backup-1.tar"));
    Error error = error_of(script_.dir());
    EXPECT_THAT(error.message(), HasSubstr("backup-1.tar would have to come before backup-2.tar"));
}

TEST_F(AdoptAgain, TheSameArchiveIsTakenOnce) {
    make_two(script_);
    ASSERT_EQ(symlink("backup-2.tar", script_.path("a-latest.tar").c_str()), 0);
    ASSERT_EQ(link(script_.path("backup-2.tar").c_str(), script_.path("backup-3.tar").c_str()), 0);
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_THAT(result.runs, SizeIs(2));
    EXPECT_EQ(result.runs[1].name, "backup-2.tar");
    ASSERT_THAT(result.passed_over, SizeIs(2));
    EXPECT_EQ(result.passed_over[1].reason, "it is the same file as backup-2.tar");
    EXPECT_TRUE(result.is_complete());
    engine::AdoptRequest twice;
    twice.find.names = {"backup-1.tar", "backup-1.tar"};
    EXPECT_THAT(error_of(script_.dir(), twice).message(), HasSubstr("named twice"));
}

TEST_F(AdoptAgain, SocketsAreNoNewsWhenTheOldNamesAreGone) {
    make_socket(tree_ / "socket");
    make_two(script_);
    engine::AdoptRequest request;
    request.rename = true;
    EXPECT_TRUE(adopt(script_.dir(), request).is_complete());
    tree_.file("three", "3");
    script_.run();
    engine::AdoptResult result = adopt(script_.dir(), request);
    EXPECT_TRUE(result.is_complete());
    EXPECT_EQ(result.runs.at(0).lost, 0U);
}

TEST_F(AdoptAgain, ArchivesWithoutDirectories) {
    tree_.file("dir/sub/file", "f");
    tree_.file("top", "t");
    tar("-c -f " + script_.path("files.tar") + " ./dir/sub/file ./top");
    adopt(script_.dir());
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
    EXPECT_TRUE(runs_.catalog()->lookup(1, "dir/sub/file").has_value());
}

TEST_F(AdoptAgain, WhatTarRefusesIsRefused) {
    std::string dir = runs_.temp().make_dir("second");
    tree_.file("dir/file", "kept");
    tree_.file("file", "kept, too");
    std::string archive = script_.path("appended.tar");
    tar("-c -f " + archive + " .");
    ASSERT_EQ(run_command({"sh", "-euc",
                           "cd " + dir + "; echo no >dir; mkdir file; echo no >file/in; tar -r -f " +
                               archive + " ./dir ./file/in"})
                  .status,
              0);
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_THAT(result.runs.at(0).examples, ElementsAre("dir", "file/in"));
    script_.extract(join_path(runs_.set.backup_dir, result.runs[0].header.archive_name));
    EXPECT_EQ(join_lines(runs_.restore_differences(1, snapshot_tree(script_.bare()))), "");
}

TEST_F(AdoptAgain, ALostManifestDoesNotChangeTheRoot) {
    tree_.file("home/one", "1");
    tree_.file("other", "o");
    wait_for_next_tick(runs_.temp().path());
    script_.run("a.tar", runs_.set.data_dir, {"home", "other"});
    tree_.file("home/two", "2");
    script_.run("b.tar", runs_.set.data_dir, {"home", "other"});
    engine::AdoptRequest request;
    request.find.root = "";
    engine::AdoptResult result = adopt(script_.dir(), request);
    ASSERT_THAT(result.runs, SizeIs(2));
    for (std::size_t lost : {0U, 1U}) {
        SCOPED_TRACE(lost);
        std::string stem = result.runs[lost].header.archive_name;
        stem.resize(stem.size() - 4);
        unlink(join_path(runs_.set.backup_dir, stem + ".manifest.zst").c_str());
        engine::rebuild(runs_.environment(), runs_.set, runs_.observer);
        EXPECT_TRUE(runs_.catalog()->lookup(2, "home/two").has_value());
        EXPECT_TRUE(runs_.catalog()->lookup(1, "other").has_value());
    }
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
}

}  // namespace
}  // namespace icecore::testing
