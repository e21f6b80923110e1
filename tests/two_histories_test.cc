// A backup directory was lost and begun anew, and the target has both histories: they are told apart, and no
// run is ever put on another's parent.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "engine/rebuild.h"
#include "engine/recover.h"
#include "support/directory.h"
#include "upload_fixture.h"

namespace icecore::testing {
namespace {

using archive::RunKind;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TwoHistories : public UploadTest {
  protected:
    TwoHistories() {
        for (unsigned i = 0; i < 5; ++i) tree_.remove(format("d{}", i));
    }

    /// A run with this content; returns the tree that it must give back.
    TreeSnapshot run(const std::string& content, bool full = false) {
        change(content);
        runs_.backup({.full = full});
        return snapshot_tree(tree_.root());
    }
    /// Everything here is lost. What comes later has a later second in its name.
    void lose_backup_directory() {
        std::filesystem::remove_all(runs_.set.backup_dir);
        std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    }
    void without_target(const std::function<void()>& action) {
        auto type = std::exchange(runs_.set.target.type, engine::TargetOptions::Type::none);
        action();
        runs_.set.target.type = type;
    }
    engine::RecoverResult recover() {
        auto open = [this](engine::Observer& told) {
            return engine::open_target(runs_.environment(), runs_.set, told);
        };
        engine::make_backup_directory(runs_.set);
        engine::Recovery recovery(runs_.environment(), runs_.set, {.dir = {}}, runs_.observer, open);
        recovery.list();
        recovery.plan();
        EXPECT_TRUE(recovery.fetch().complete());
        return recovery.finish();
    }
    void expect_run(catalog::RunNumber number, const TreeSnapshot& tree) {
        for (const catalog::Run& run : runs_.catalog()->runs())
            for (const archive::VolumeInfo& volume : run.trailer.volumes)
                if (!path_exists(here(volume.name)))
                    std::filesystem::copy_file(there(volume.name), here(volume.name));
        EXPECT_EQ(join_lines(runs_.restore_differences(number, tree)), "");
    }
    std::vector<catalog::RunNumber> numbers() {
        std::vector<catalog::RunNumber> out;
        for (const catalog::Run& run : runs_.catalog()->runs()) out.push_back(run.number());
        return out;
    }
};

TEST_F(TwoHistories, NumbersGoOnAfterWhatTheTargetHas) {
    TreeSnapshot first = run("a");
    TreeSnapshot second = run("b");
    lose_backup_directory();
    TreeSnapshot third = run("c");
    EXPECT_EQ(numbers(), (std::vector<catalog::RunNumber>{3}));
    EXPECT_THAT(runs_.observer.warnings, Contains(HasSubstr("up to run 2, that are not known here")));
    EXPECT_THAT(runs_.observer.warnings, Contains(HasSubstr("icecore recover")));
    TreeSnapshot fourth = run("d");
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
    recover();  // beside what is here
    expect_run(1, first);
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
    expect_run(4, fourth);
    EXPECT_EQ(runs_.backup().header.kind, RunKind::incremental);
    lose_backup_directory();
    EXPECT_EQ(recover().runs, 5U);
    expect_run(2, second);
    expect_run(3, third);
}

TEST_F(TwoHistories, WhatCouldNotBeAskedStopsNoRun) {
    std::string usb = runs_.set.target.directory;
    std::filesystem::rename(usb, usb + ".away");
    EXPECT_EQ(runs_.backup().header.run, 1U);
    EXPECT_THAT(runs_.observer.warnings, Contains(HasSubstr("cannot be seen")));
}

TEST_F(TwoHistories, TheNewerOneIsRecovered) {
    run("a");
    run("b");
    TreeSnapshot newest;
    lose_backup_directory();
    without_target([&] {
        run("c");
        newest = run("d");
    });
    for (unsigned more = 0; more < 2; ++more) {
        SCOPED_TRACE(more);
        EXPECT_TRUE(upload().complete());
        lose_backup_directory();
        engine::RecoverResult result = recover();
        EXPECT_THAT(result.rebuilt.superseded, SizeIs(2));
        EXPECT_EQ(result.runs, 2U + more);
        expect_run(2 + more, newest);
        newest = run("e");
    }
}

TEST_F(TwoHistories, LongerOldOnesDoNotComeAfterNewerRuns) {
    run("a");
    run("b");
    run("c");
    run("d", /*full=*/true);
    TreeSnapshot newest;
    lose_backup_directory();
    without_target([&] {
        run("e");
        newest = run("f");
    });
    EXPECT_TRUE(upload().complete());
    lose_backup_directory();
    engine::RecoverResult result = recover();
    EXPECT_THAT(result.rebuilt.superseded, SizeIs(2));
    EXPECT_THAT(result.rebuilt.left_out, SizeIs(2));
    EXPECT_THAT(result.rebuilt.left_out.at(1).reason, HasSubstr("it began before run 2"));
    EXPECT_EQ(numbers(), (std::vector<catalog::RunNumber>{1, 2}));
    expect_run(2, newest);
    TreeSnapshot next = run("g");
    EXPECT_EQ(numbers().back(), 5U) << "its number is its own";
    expect_run(5, next);
}

TEST_F(TwoHistories, ARunIsNeverPutOnAnotherParent) {
    runs_.set.target.type = engine::TargetOptions::Type::none;
    run("a");
    run("b");
    std::string old = runs_.temp() / "old";
    std::filesystem::rename(runs_.set.backup_dir, old);
    lose_backup_directory();
    run("c");
    for (const std::string& name : list_directory(old))
        if (name.starts_with("set-000002")) std::filesystem::copy(join_path(old, name), here(name));
    std::filesystem::remove(here("catalog.db"));
    EXPECT_EQ(numbers(), (std::vector<catalog::RunNumber>{1}));
    EXPECT_THAT(runs_.observer.warnings, Contains(HasSubstr("and run 1 is another one")));
}

TEST_F(TwoHistories, ARolledBackDirectory) {
    run("a");
    std::string image = runs_.temp() / "image";
    std::filesystem::copy(runs_.set.backup_dir, image);
    run("b");
    run("c");
    lose_backup_directory();
    std::filesystem::rename(image, runs_.set.backup_dir);
    TreeSnapshot newest = run("d");
    EXPECT_EQ(numbers(), (std::vector<catalog::RunNumber>{1, 2}));
    lose_backup_directory();
    engine::RecoverResult result = recover();
    EXPECT_THAT(result.rebuilt.superseded, SizeIs(1));
    ASSERT_THAT(result.rebuilt.left_out, SizeIs(1));
    EXPECT_EQ(numbers(), (std::vector<catalog::RunNumber>{1, 2}));
    expect_run(2, newest);
}

}  // namespace
}  // namespace icecore::testing
