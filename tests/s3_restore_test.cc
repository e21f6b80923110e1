// Restoring from cold classes of S3, against the simulator: what is asked for, when it comes, and what is
// true of what is there.

#include <gmock/gmock.h>

#include <filesystem>

#include "base/format.h"
#include "checked_runs.h"
#include "engine/recover.h"
#include "engine/remote_volumes.h"
#include "engine/upload.h"
#include "engine/verify_remote.h"
#include "sim_s3.h"

namespace icecore::testing {
namespace {

using engine::FetchState;
using store::ThawTier;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class S3RestoreTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }
    explicit S3RestoreTest(bool lock = false) : bucket_(lock), environment_(runs_.environment()) {
        environment_.sleep_ns = [this](std::int64_t) { wait(6); };
        runs_.set.frame_bytes_max = 64 << 10;
        runs_.set.volume_bytes_max = 400 << 10;
    }

    void wait(int hours) {
        hours_ += hours;
        bucket_.sim.advance_hours(hours);
    }
    engine::OpenTarget opener() {
        return [this](engine::Observer&) {
            store::S3TargetOptions options = bucket_.options();
            options.set = runs_.set.name;
            options.storage_class = storage_class_;
            options.hot_class = "STANDARD";
            if (runs_.set.target.object_lock) options.lock_mode = "COMPLIANCE";
            return store::make_s3_target(options);
        };
    }
    void back_up() {
        for (unsigned i = 0; i < 12; ++i) runs_.tree.file(format("d{}/noise", i), noise(50 << 10, i));
        runs_.tree.file("z/large", noise(800 << 10, 99));
        result_ = runs_.backup();
        store();
        bucket_.requests();
    }
    void store() {
        engine::UploadResult stored =
            engine::upload(environment_, runs_.set, *opener()(runs_.observer), runs_.observer);
        EXPECT_TRUE(stored.complete())
            << join_lines(stored.problems) << (stored.failure ? stored.failure->message() : "");
    }
    void lose_volumes() {
        for (const std::string& path : runs_.volumes(result_)) std::filesystem::remove(path);
    }
    std::string key(const std::string& name) const { return "p/host/set/" + name; }
    const std::string& volume(std::size_t number) const { return result_.trailer.volumes[number].name; }

    std::unique_ptr<engine::RemoteVolumes> want(const std::vector<std::string>& paths, bool wait = true,
                                                ThawTier tier = ThawTier::bulk) {
        auto remote = std::make_unique<engine::RemoteVolumes>(
            environment_, runs_.set, opener(),
            engine::FetchOptions{.tier = tier, .dir = {}, .wait = wait, .checkpoint_bytes = 100 << 10},
            runs_.observer);
        auto target = opener()(runs_.observer);
        remote->want(engine::plan_remote(runs_.set, *runs_.catalog(), 1, paths,
                                         engine::RestoreFrom::automatic, target->capabilities(), tier));
        return remote;
    }
    void expect_restored(const engine::RemoteVolumes& remote, const std::vector<std::string>& paths = {}) {
        std::string to = runs_.temp() / format("restored{}", restores_++);
        engine::RestoreRequest request{.at = 1, .paths = paths, .to = to};
        request.further_sources.push_back(remote.source());
        engine::RestoreResult restored =
            engine::restore(environment_, runs_.set, *runs_.catalog(), request, runs_.observer);
        EXPECT_EQ(join_lines(restored.problems.lines()), "");
        if (paths.empty()) {
            EXPECT_THAT(differences(snapshot_tree(runs_.set.data_dir), snapshot_tree(to), {}), IsEmpty());
        }
        for (const std::string& path : paths)
            EXPECT_EQ(read_file(join_path(to, path)), read_file(join_path(runs_.set.data_dir, path)));
    }
    engine::RemoteVerifyResult verify() {
        findings_.clear();
        return engine::verify_remote(
            environment_, runs_.set, opener(), runs_.observer,
            [this](const engine::Finding& finding) { findings_.push_back(engine::finding_text(finding)); });
    }

    CheckedRuns runs_;
    SimBucket bucket_;
    engine::Environment environment_;
    std::string storage_class_ = "DEEP_ARCHIVE";
    engine::BackupResult result_;
    std::vector<std::string> findings_;
    int hours_ = 0;
    int restores_ = 0;
};

TEST_F(S3RestoreTest, OneRequestAnObjectAndOnlyTheFramesWanted) {
    back_up();
    lose_volumes();
    auto remote = want({"d0/noise", "d4/noise"});
    FetchState before = remote->state();
    EXPECT_EQ(before.requests, 1U);
    EXPECT_EQ(before.unasked_bytes, result_.trailer.volumes[0].stored_bytes);
    EXPECT_EQ(bucket_.requests().count("RestoreObject"), 0U);
    EXPECT_TRUE(remote->run().complete());
    EXPECT_EQ(bucket_.requests()["RestoreObject"], 1U);
    EXPECT_GE(hours_, 24);
    EXPECT_LE(hours_, 54) << "bulk from DEEP_ARCHIVE";
    expect_restored(*remote, {"d0/noise", "d4/noise"});
}

TEST_F(S3RestoreTest, EverythingByTwoProcessesDaysApart) {
    back_up();
    lose_volumes();
    FetchState first = want({}, false)->run();
    EXPECT_EQ(first.pending, first.ranges);
    EXPECT_EQ(bucket_.requests()["RestoreObject"], result_.trailer.volumes.size());
    wait(50);
    auto remote = want({}, false);
    EXPECT_EQ(remote->state().unasked, 0U);
    EXPECT_TRUE(remote->run().complete());
    auto requests = bucket_.requests();
    EXPECT_EQ(requests.count("RestoreObject"), 0U);
    expect_restored(*remote);
    for (const std::string& path : runs_.volumes(result_)) EXPECT_TRUE(path_exists(path)) << "it is put back";
}

TEST_F(S3RestoreTest, WhatExpiredIsAskedForAgainByTheNextRun) {
    back_up();
    lose_volumes();
    want({}, false)->run();
    wait(24 * 12);
    bucket_.requests();
    auto remote = want({});
    FetchState state = remote->state();
    EXPECT_EQ(state.unasked, state.ranges);
    EXPECT_EQ(bucket_.requests().count("RestoreObject"), 0U) << "nobody has agreed to it yet";
    EXPECT_TRUE(remote->run().complete());
    EXPECT_EQ(bucket_.requests()["RestoreObject"], result_.trailer.volumes.size());
    expect_restored(*remote);
}

TEST_F(S3RestoreTest, FasterTierForWhatIsPending) {
    back_up();
    lose_volumes();
    want({}, false)->run();
    auto remote = want({}, true, ThawTier::standard);
    FetchState state = remote->state();
    EXPECT_EQ(state.unasked, 0U);
    EXPECT_EQ(state.slower, result_.trailer.volumes.size());
    EXPECT_TRUE(state.costs());
    bucket_.requests();
    EXPECT_TRUE(remote->run().complete());
    EXPECT_EQ(bucket_.requests()["RestoreObject"], result_.trailer.volumes.size());
    EXPECT_LE(hours_, 12);
    expect_restored(*remote);
}

TEST_F(S3RestoreTest, InstantRetrievalIsPlannedBecauseItCosts) {
    storage_class_ = "GLACIER_IR";
    back_up();
    lose_volumes();
    auto remote = want({"d5/noise"});
    EXPECT_TRUE(remote->state().costs());
    EXPECT_EQ(bucket_.requests().count("GetObject"), 0U);
    EXPECT_TRUE(remote->run().complete());
    auto requests = bucket_.requests();
    EXPECT_EQ(requests.count("RestoreObject"), 0U);
    EXPECT_EQ(hours_, 0);
    expect_restored(*remote, {"d5/noise"});
}

TEST_F(S3RestoreTest, RecoverReadsNothingCold) {
    back_up();
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        std::filesystem::remove_all(join_path(runs_.set.backup_dir, name));
    engine::Recovery recovery(environment_, runs_.set, {.dir = {}}, runs_.observer, opener());
    recovery.list();
    ASSERT_THAT(recovery.found(), SizeIs(1));
    EXPECT_EQ(recovery.found()[0].host, "host");
    EXPECT_EQ(recovery.plan().unasked, 0U);
    EXPECT_TRUE(recovery.fetch().complete());
    engine::RecoverResult result = recovery.finish();
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(result.volumes, result_.trailer.volumes.size());
    auto requests = bucket_.requests();
    EXPECT_EQ(requests.count("RestoreObject"), 0U);
    EXPECT_EQ(requests["GetObject"], 2U) << "a manifest and a log";
    verify();
    EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(S3RestoreTest, RecoverWhereOnlyOldVersionsAreLeft) {
    bucket_.keep_versions();
    back_up();
    for (const auto& [object, size] : bucket_.stored()) bucket_.client().delete_object(object);
    verify();
    EXPECT_THAT(findings_, Contains(AllOf(HasSubstr(volume(0)), HasSubstr("deleted it offsite"))));
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        std::filesystem::remove_all(join_path(runs_.set.backup_dir, name));
    engine::RecoverResult result;
    {
        engine::Recovery recovery(environment_, runs_.set, {.dir = {}}, runs_.observer, opener());
        recovery.list();
        recovery.plan();
        EXPECT_TRUE(recovery.fetch().complete());
        result = recovery.finish();
    }
    EXPECT_EQ(result.runs, 1U);
    EXPECT_GT(result.deleted, result_.trailer.volumes.size());
    auto remote = want({});
    EXPECT_TRUE(remote->run().complete());
    expect_restored(*remote);
}

class S3LockTest : public S3RestoreTest {
  protected:
    S3LockTest() : S3RestoreTest(true) {
        runs_.set.target.object_lock = {.mode = engine::TargetOptions::ObjectLock::Mode::compliance,
                                        .days = 40};
    }
};

TEST_F(S3LockTest, WhatARestorePointNeedsCannotBeDeleted) {
    back_up();
    engine::RemoteVerifyResult result = verify();
    EXPECT_THAT(findings_, IsEmpty());
    ASSERT_THAT(result.snapshots, SizeIs(1));
    ASSERT_TRUE(result.snapshots[0].locked_until);
    EXPECT_GT(result.snapshots[0].locked_until->sec, environment_.clock.now().sec + 44 * 24 * 3600);
    auto target = opener()(runs_.observer);
    EXPECT_THROW(target->remove({volume(0), {}}), Error);
    EXPECT_NO_THROW(target->remove({"README.restore.txt", {}}));
}

TEST_F(S3LockTest, LocksAreExtended) {
    std::optional<engine::TargetOptions::ObjectLock> wanted = runs_.set.target.object_lock;
    runs_.set.target.object_lock->days = 5;
    back_up();
    runs_.set.target.object_lock = wanted;
    verify();
    EXPECT_THAT(findings_, Contains(HasSubstr("is locked offsite until")));
    bucket_.requests();
    store();
    EXPECT_EQ(bucket_.requests()["PutObjectRetention"], result_.trailer.volumes.size() + 2);
    verify();
    EXPECT_THAT(findings_, IsEmpty());
}

}  // namespace
}  // namespace icecore::testing
