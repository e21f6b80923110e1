// Restoring from a target that must be thawed: what is asked for, what it costs, and what goes wrong on the
// way.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "engine/remote_volumes.h"
#include "engine/thaw_list.h"
#include "engine/upload.h"
#include "small_disk.h"
#include "store/test_memory_target.h"

namespace icecore::testing {
namespace {

using engine::FetchState;
using engine::RestoreFrom;
using store::MemoryVault;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kFrameBytes = 64 << 10;
constexpr std::uint64_t kAlignment = store::MemoryTarget::kAlignmentBytes;

class ColdRestoreTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }
    ColdRestoreTest() : environment_(runs_.environment()) {
        vault_.thaws_ranges = true;
        environment_.sleep_ns = [this](std::int64_t) {
            ++waits_;
            vault_.let_time_pass();
        };
        runs_.set.frame_bytes_max = kFrameBytes;
        runs_.set.volume_bytes_max = 400 << 10;
    }

    /// 1.4 MiB in some volumes, of which the last file needs more than one, all of it in the vault.
    void back_up() {
        for (unsigned i = 0; i < 12; ++i) runs_.tree.file(format("d{}/noise", i), noise(50 << 10, i));
        runs_.tree.file("z/large", noise(800 << 10, 99));
        result_ = runs_.backup();
        vault_.inventory_ready = true;  // an upload without outbox begins with the list of what is there
        store::MemoryTarget target(vault_);
        ASSERT_TRUE(engine::upload(environment_, runs_.set, target, runs_.observer).complete());
        ASSERT_GT(result_.trailer.volumes.size(), 3U);
    }
    void lose_volumes() {
        for (const std::string& path : runs_.volumes(result_)) std::filesystem::remove(path);
    }
    std::uint64_t volume_bytes() const {
        std::uint64_t sum = 0;
        for (const archive::VolumeInfo& volume : result_.trailer.volumes) sum += volume.stored_bytes;
        return sum;
    }

    engine::Fetch::OpenTarget opener() {
        return [this](engine::Observer&) { return std::make_unique<store::MemoryTarget>(vault_); };
    }
    engine::RemotePlan plan(RestoreFrom from, const std::vector<std::string>& paths = {}) {
        store::MemoryTarget target(vault_);
        return engine::plan_remote(runs_.set, *runs_.catalog(), 1, paths, from, target.capabilities(),
                                   store::ThawTier::bulk);
    }

    /// What one process does, up to the restore: a new one goes on with what is on disk.
    struct Process {
        explicit Process(ColdRestoreTest& test, const std::vector<std::string>& paths = {},
                         RestoreFrom from = RestoreFrom::automatic, bool wait = false,
                         store::ThawTier tier = store::ThawTier::bulk)
            : test_(test), paths_(paths), from_(from) {
            remote = std::make_unique<engine::RemoteVolumes>(
                test.environment_, test.runs_.set, test.opener(),
                engine::FetchOptions{.tier = tier,
                                     .dir = {},
                                     .wait = wait,
                                     .threads = test.threads_,
                                     .checkpoint_bytes = 4 * kAlignment},
                test.runs_.observer);
            remote->want(test.plan(from, paths));
        }
        /// The restore gives back exactly what was there.
        void expect_restored() {
            engine::RestoreResult restored = restore();
            EXPECT_EQ(join_lines(restored.problems.lines()), "");
            EXPECT_EQ(test_.missing_or_different(to_, paths_), "");
        }
        engine::RestoreResult restore() {
            to_ = test_.runs_.temp() / format("restored{}", test_.restores_++);
            engine::RestoreRequest request{.at = 1, .paths = paths_, .to = to_};
            request.local = from_ == RestoreFrom::automatic;
            request.further_sources.push_back(remote->source());
            if (!request.local)
                request.further_sources.push_back(archive::local_volumes(test_.runs_.set.backup_dir));
            return engine::restore(test_.environment_, test_.runs_.set, *test_.runs_.catalog(), request,
                                   test_.runs_.observer);
        }
        std::unique_ptr<engine::RemoteVolumes> remote;

      private:
        ColdRestoreTest& test_;
        std::vector<std::string> paths_;
        RestoreFrom from_;
        std::string to_;
    };

    std::string missing_or_different(const std::string& to, const std::vector<std::string>& paths) const {
        if (paths.empty())
            return join_lines(differences(snapshot_tree(runs_.set.data_dir), snapshot_tree(to), {}));
        std::string found;
        for (const std::string& path : paths)
            for (const auto& entry : std::filesystem::recursive_directory_iterator(runs_.set.data_dir)) {
                std::string name = entry.path().lexically_relative(runs_.set.data_dir);
                if (!entry.is_regular_file() || (name != path && !is_below(name, path))) continue;
                if (!path_exists(join_path(to, name)) ||
                    read_file(join_path(to, name)) != read_file(entry.path()))
                    found += name + "\n";
            }
        return found;
    }

    std::string in_backup(const std::string& name) const { return join_path(runs_.set.backup_dir, name); }
    MemoryVault::Object& stored(const std::string& name) {
        for (auto& [id, object] : vault_.objects)
            if (object.name == name) return object;
        throw Error(Error::Kind::not_found, name);
    }

    CheckedRuns runs_;
    MemoryVault vault_;
    engine::Environment environment_;
    engine::BackupResult result_;
    unsigned threads_ = 3;
    int waits_ = 0;
    int restores_ = 0;
};

class ColdRestoreOf : public ColdRestoreTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Methods, ColdRestoreOf, ::testing::Values("zstd:1", "gzip:1", "none"));

TEST_P(ColdRestoreOf, OneFileCostsItsFrames) {
    runs_.set.compression = archive::parse_compression(GetParam());
    back_up();
    lose_volumes();
    Process process(*this, {"d5/noise"}, RestoreFrom::automatic, true);
    FetchState before = process.remote->state();
    EXPECT_EQ(before.unasked, before.ranges);
    EXPECT_EQ(vault_.thawed_bytes, 0U);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thawed_bytes, before.unasked_bytes);
    EXPECT_EQ(vault_.read_bytes, vault_.thawed_bytes);
    EXPECT_LE(vault_.thawed_bytes,
              3 * (kFrameBytes + 1024) + 2 * kAlignment);  // 50 KiB: in two or three frames
    process.expect_restored();
    process.remote->remove();
    EXPECT_FALSE(path_exists(in_backup(".thawed")));
    EXPECT_THAT(engine::list_thaws(environment_, runs_.set, false, opener(), runs_.observer), IsEmpty());
}

TEST_P(ColdRestoreOf, FileThatGoesOnInOtherVolumes) {
    runs_.set.compression = archive::parse_compression(GetParam());
    back_up();
    lose_volumes();
    Process process(*this, {"z/large"}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_LT(vault_.thawed_bytes, (800 << 10) + 3 * (kFrameBytes + kAlignment) + volume_bytes() / 50);
    process.expect_restored();
}

TEST_P(ColdRestoreOf, EverythingPutsTheVolumesBack) {
    runs_.set.compression = archive::parse_compression(GetParam());
    back_up();
    lose_volumes();
    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_LE(vault_.thawed_bytes, volume_bytes());
    process.expect_restored();
    for (const archive::VolumeInfo& volume : result_.trailer.volumes) {
        ASSERT_TRUE(path_exists(in_backup(volume.name)));
        EXPECT_EQ(sha256(read_file(in_backup(volume.name))), volume.sha256);
    }
    EXPECT_THAT(plan(RestoreFrom::automatic).volumes, IsEmpty());
}

TEST_F(ColdRestoreTest, OnlyWhatIsNotHereIsThawed) {
    back_up();
    std::vector<std::string> volumes = runs_.volumes(result_);
    std::filesystem::remove(volumes[1]);
    std::filesystem::resize_file(volumes[2], 100);
    engine::RemotePlan wanted = plan(RestoreFrom::automatic);
    ASSERT_THAT(wanted.volumes, SizeIs(2));
    EXPECT_EQ(wanted.volumes[0].info.name, base_name(volumes[1]));
    EXPECT_EQ(wanted.volumes[1].info.name, base_name(volumes[2]));
    EXPECT_THAT(plan(RestoreFrom::local).volumes, IsEmpty());
    EXPECT_THAT(plan(RestoreFrom::remote).volumes, SizeIs(volumes.size()));

    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    process.expect_restored();
    EXPECT_EQ(std::filesystem::file_size(volumes[2]), 100U) << "what is there stays";
}

TEST_F(ColdRestoreTest, FromRemoteNeedsNothingThatIsHere) {
    back_up();
    for (const std::string& path : runs_.volumes(result_))
        write_file_durably(environment_.fs, runs_.set.backup_dir, std::string(base_name(path)),
                           std::string(std::filesystem::file_size(path), 'x'), true);
    Process process(*this, {}, RestoreFrom::remote, true);
    EXPECT_TRUE(process.remote->run().complete());
    process.expect_restored();
}

TEST_F(ColdRestoreTest, NearRangesAreThawedAsOne) {
    back_up();
    std::vector<std::string> paths = {"d0/noise", "d4/noise"};
    EXPECT_EQ(plan(RestoreFrom::remote, paths).ranges, 2U);
    vault_.thaw_gap_bytes = {1 << 20, 0, 0};
    EXPECT_EQ(plan(RestoreFrom::remote, paths).ranges, 1U);
}

// The service takes one request an object, and gives ranges of what it has thawed.
TEST_F(ColdRestoreTest, TargetThatThawsWholeObjectsOnly) {
    back_up();
    vault_.thaws_ranges = false;
    lose_volumes();
    Process process(*this, {"d0/noise", "d4/noise"}, RestoreFrom::automatic, true);
    FetchState before = process.remote->state();
    EXPECT_EQ(before.ranges, 2U);
    EXPECT_EQ(before.requests, 1U);
    EXPECT_EQ(before.unasked_bytes, result_.trailer.volumes[0].stored_bytes);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thaws, 1U);
    EXPECT_EQ(vault_.thawed_bytes, before.unasked_bytes);
    EXPECT_EQ(vault_.read_bytes, before.bytes);
    EXPECT_LT(vault_.read_bytes, vault_.thawed_bytes);
    process.expect_restored();
    process.remote.reset();

    Process all(*this, {}, RestoreFrom::automatic, true);
    EXPECT_EQ(all.remote->state().requests, result_.trailer.volumes.size() - 1)
        << "what else is wanted of a thawed object is there to be read";
    EXPECT_TRUE(all.remote->run().complete());
    EXPECT_EQ(vault_.thaws, result_.trailer.volumes.size());
    EXPECT_EQ(vault_.thawed_bytes, volume_bytes());
    EXPECT_EQ(vault_.read_bytes, volume_bytes()) << "nothing came twice";
    all.expect_restored();
}

TEST_F(ColdRestoreTest, WholeObjectsThatExpiredAreAskedForOnceMore) {
    back_up();
    vault_.thaws_ranges = false;
    lose_volumes();
    std::vector<std::string> paths = {"d0/noise", "d4/noise"};
    Process(*this, paths).remote->run();
    vault_.let_time_pass();
    vault_.let_thaws_expire();
    Process process(*this, paths, RestoreFrom::automatic, true);
    EXPECT_EQ(process.remote->state().requests, 1U);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thaws, 2U);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, FasterTierForWhatIsPending) {
    back_up();
    vault_.thaws_ranges = false;
    vault_.hastens = true;
    lose_volumes();
    Process(*this, {"d0/noise", "d4/noise"}).remote->run();
    EXPECT_FALSE(Process(*this, {"d0/noise"}).remote->state().costs());
    Process process(*this, {"d0/noise", "d4/noise"}, RestoreFrom::automatic, true, store::ThawTier::standard);
    FetchState state = process.remote->state();
    EXPECT_EQ(state.unasked, 0U);
    EXPECT_EQ(state.slower, 1U);
    EXPECT_EQ(state.slower_bytes, result_.trailer.volumes[0].stored_bytes);
    EXPECT_EQ(vault_.hastened, 0U) << "it costs, so nobody asks before run()";
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.hastened, 1U);
    EXPECT_EQ(vault_.thaws, 1U);
    process.expect_restored();
}

// A vault begins another job for that, which the user may not want: there what is pending is waited for.
TEST_F(ColdRestoreTest, FasterTierWhereATargetCannot) {
    back_up();
    lose_volumes();
    Process(*this, {"d5/noise"}).remote->run();
    Process process(*this, {"d5/noise"}, RestoreFrom::automatic, true, store::ThawTier::expedited);
    EXPECT_FALSE(process.remote->state().costs());
}

TEST_F(ColdRestoreTest, ReadingThatCostsIsPlannedThoughNothingMustBeThawed) {
    back_up();
    vault_.thaws_ranges = false;
    vault_.thaw_needed = false;
    lose_volumes();
    Process process(*this, {"d5/noise"});
    FetchState before = process.remote->state();
    EXPECT_TRUE(before.costs());
    EXPECT_EQ(vault_.read_bytes, 0U);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(waits_, 0);
    EXPECT_EQ(vault_.read_bytes, before.bytes);
    process.expect_restored();
}

// The ledger said so before the requests went out: the next process learns which of them arrived.
TEST_F(ColdRestoreTest, KilledWhileAsking) {
    back_up();
    vault_.thaws_ranges = false;
    lose_volumes();
    threads_ = 1;
    int asked = 0;
    vault_.on_call = [&](std::string_view what) {
        if (what != "request_thaw" || ++asked != 2) return;
        auto rows = engine::list_thaws(environment_, runs_.set, false, opener(), runs_.observer);
        EXPECT_GT(std::count_if(
                      rows.begin(), rows.end(),
                      [](const catalog::Thaw& thaw) { return thaw.state == catalog::Thaw::State::asked; }),
                  1);
        throw Error(Error::Kind::transient, "the line is cut");
    };
    EXPECT_THROW(Process(*this).remote->run(), Error);
    vault_.on_call = nullptr;
    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thaws, result_.trailer.volumes.size());
    EXPECT_EQ(vault_.thawed_bytes, volume_bytes());
    process.expect_restored();
}

TEST_F(ColdRestoreTest, WithoutManifestVolumesAreThawedWhole) {
    back_up();
    lose_volumes();
    auto known = runs_.catalog();
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        if (name.ends_with(".manifest.zst")) std::filesystem::remove(in_backup(name));
    store::MemoryTarget target(vault_);
    engine::RemotePlan wanted =
        engine::plan_remote(runs_.set, *known, 1, {"d5/noise"}, RestoreFrom::automatic, target.capabilities(),
                            store::ThawTier::bulk);
    ASSERT_FALSE(wanted.volumes.empty());
    EXPECT_EQ(wanted.volumes[0].ranges[0].length_bytes, wanted.volumes[0].info.stored_bytes);
}

TEST_F(ColdRestoreTest, WhatWasAskedForIsNotAskedForAgain) {
    back_up();
    lose_volumes();
    EXPECT_EQ(Process(*this).remote->run().fetched, 0U);
    std::uint64_t paid = vault_.thawed_bytes;
    {
        Process again(*this);
        EXPECT_EQ(again.remote->state().unasked, 0U);
        FetchState state = again.remote->run();
        EXPECT_FALSE(state.ended());
        EXPECT_EQ(state.pending, state.ranges);
        EXPECT_TRUE(state.asked_at);
    }
    {
        // A part of it is on its way, too.
        Process part(*this, {"d5/noise"});
        EXPECT_EQ(part.remote->state().unasked, 0U);
    }
    vault_.let_time_pass();
    Process last(*this);
    EXPECT_TRUE(last.remote->run().complete());
    EXPECT_EQ(vault_.thawed_bytes, paid);
    last.expect_restored();
}

TEST_F(ColdRestoreTest, MoreIsAskedForBesideWhatIsOnItsWay) {
    back_up();
    lose_volumes();
    Process(*this, {"d5/noise"}).remote->run();
    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_LE(vault_.thawed_bytes, volume_bytes() + 2 * kAlignment);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, LostLedgerCostsNothing) {
    back_up();
    lose_volumes();
    Process(*this).remote->run();
    std::uint64_t paid = vault_.thawed_bytes;
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(in_backup("thaws.db") + suffix);
    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thawed_bytes, paid);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, DamagedLedgerIsMadeAnew) {
    back_up();
    lose_volumes();
    write_file_durably(environment_.fs, runs_.set.backup_dir, "thaws.db", "this is no database at all", true);
    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_THAT(runs_.observer.warnings, ::testing::Contains(HasSubstr("made anew")));
    EXPECT_TRUE(process.remote->run().complete());
    process.expect_restored();
}

TEST_F(ColdRestoreTest, StagingThatSomebodyRemovedIsDownloadedAgain) {
    back_up();
    lose_volumes();
    EXPECT_TRUE(Process(*this, {"d5/noise"}, RestoreFrom::automatic, true).remote->run().complete());
    std::uint64_t paid = vault_.thawed_bytes;
    std::filesystem::remove_all(in_backup(".thawed"));
    Process process(*this, {"d5/noise"}, RestoreFrom::automatic, true);
    EXPECT_EQ(process.remote->state().fetched, 0U);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thawed_bytes, paid);
    process.expect_restored();
}

// Nothing that costs is asked for again without the caller's run().
TEST_F(ColdRestoreTest, ThawThatExpiredIsToBeAgreedToAgain) {
    back_up();
    lose_volumes();
    Process(*this).remote->run();
    vault_.let_time_pass();
    vault_.let_thaws_expire();
    std::uint64_t paid = vault_.thawed_bytes;
    Process process(*this, {}, RestoreFrom::automatic, true);
    FetchState state = process.remote->state();
    EXPECT_EQ(state.unasked, state.ranges);
    EXPECT_EQ(vault_.thawed_bytes, paid);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thawed_bytes, 2 * paid);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, ReadyOnlyUntil) {
    back_up();
    lose_volumes();
    vault_.until = add_ns(environment_.clock.now(), -1);
    vault_.on_call = [](std::string_view what) {
        if (what == "read") throw Error(Error::Kind::transient, "the line is cut");
    };
    Process(*this).remote->run();
    vault_.let_time_pass();
    EXPECT_THROW(Process(*this).remote->run(), Error);
    vault_.on_call = nullptr;
    FetchState state = Process(*this).remote->state();
    EXPECT_EQ(state.unasked, state.ranges);
}

TEST_F(ColdRestoreTest, ExpiryInTheMiddleOfADownloadKeepsWhatIsHere) {
    back_up();
    lose_volumes();
    threads_ = 1;
    int reads = 0;
    vault_.on_call = [&](std::string_view what) {
        if (what == "read" && ++reads == 3) vault_.let_thaws_expire();
    };
    Process process(*this, {"z/large"}, RestoreFrom::automatic, true);
    FetchState state = process.remote->run();
    EXPECT_GT(state.unasked, 0U);
    EXPECT_EQ(state.pending, 0U);
    EXPECT_EQ(state.fetched_bytes, 2 * 4 * kAlignment);
    std::uint64_t paid = vault_.thawed_bytes;
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thawed_bytes, 2 * paid - 2 * 4 * kAlignment) << "only the rest is thawed again";
    EXPECT_EQ(vault_.read_bytes, paid);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, ThawThatFailsOnce) {
    back_up();
    lose_volumes();
    vault_.thaws_failing = 1;
    Process process(*this, {}, RestoreFrom::automatic, true);
    FetchState state = process.remote->run();
    EXPECT_EQ(state.unasked, 1U);
    EXPECT_EQ(state.fetched, state.ranges - 1);
    EXPECT_THAT(state.problems, IsEmpty());
    EXPECT_TRUE(process.remote->run().complete());
    process.expect_restored();
}

TEST_F(ColdRestoreTest, ThawThatAlwaysFailsIsToldAndTheRestRestored) {
    back_up();
    lose_volumes();
    Process process(*this, {"d0/noise", "z/large"}, RestoreFrom::automatic, true);
    stored(result_.trailer.volumes[0].name).name = "gone";
    for (auto it = vault_.objects.begin(); it != vault_.objects.end();)
        it = it->second.name == "gone" ? vault_.objects.erase(it) : std::next(it);
    FetchState state = process.remote->run();
    EXPECT_TRUE(state.ended());
    EXPECT_FALSE(state.complete());
    EXPECT_EQ(state.failed, 1U);
    ASSERT_THAT(state.problems, SizeIs(1));
    EXPECT_THAT(state.problems[0], HasSubstr("no such object"));
    engine::RestoreResult restored = process.restore();
    EXPECT_EQ(restored.problems.count(), 1U);
    EXPECT_EQ(restored.counts.files, 1U);
}

TEST_F(ColdRestoreTest, ThawIsTriedThreeTimes) {
    back_up();
    lose_volumes();
    vault_.thaws_failing = 1000;
    Process process(*this, {"d5/noise"}, RestoreFrom::automatic, true);
    std::uint64_t ranges = process.remote->state().ranges;
    FetchState state = process.remote->run();
    for (int i = 0; i < 10 && !state.ended(); ++i) state = process.remote->run();
    EXPECT_EQ(vault_.thaws, 3 * ranges);
    EXPECT_EQ(state.failed, ranges);
    EXPECT_THAT(state.problems, Each(HasSubstr("it broke")));
}

TEST_F(ColdRestoreTest, WrongBytesAreFoundAndFetchedAgain) {
    back_up();
    lose_volumes();
    std::vector<std::string> paths = {"d5/noise"};
    engine::RemotePlan wanted = plan(RestoreFrom::automatic, paths);
    std::string& content = stored(wanted.volumes[0].info.name).content;
    std::string right = content;
    content[wanted.volumes[0].ranges[0].offset + wanted.volumes[0].ranges[0].length_bytes / 2] ^= 1;
    {
        Process process(*this, paths, RestoreFrom::automatic, true);
        FetchState state = process.remote->run();
        ASSERT_THAT(state.problems, SizeIs(1));
        EXPECT_THAT(state.problems[0], HasSubstr("came damaged"));
        EXPECT_EQ(process.restore().problems.count(), 1U);
    }
    content = right;
    std::uint64_t paid = vault_.thawed_bytes;
    Process process(*this, paths, RestoreFrom::automatic, true);
    FetchState state = process.remote->run();
    EXPECT_TRUE(state.complete());
    EXPECT_THAT(state.problems, IsEmpty());
    EXPECT_EQ(vault_.thawed_bytes, paid);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, WholeVolumeWithWrongBytesIsNotPutBack) {
    runs_.set.compression = archive::parse_compression("none");  // no checksum in its frames
    back_up();
    lose_volumes();
    std::string name = result_.trailer.volumes[0].name;
    std::string& content = stored(name).content;
    content[content.size() / 2] ^= 1;
    Process process(*this, {}, RestoreFrom::automatic, true);
    FetchState state = process.remote->run();
    ASSERT_THAT(state.problems, SizeIs(1));
    EXPECT_THAT(state.problems[0], HasSubstr("SHA-256"));
    EXPECT_FALSE(path_exists(in_backup(name)));
    EXPECT_TRUE(path_exists(in_backup(result_.trailer.volumes[1].name)));
}

TEST_F(ColdRestoreTest, VolumeThatIsNotKnownOffsite) {
    back_up();
    lose_volumes();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(in_backup("outbox.db") + suffix);
    try {
        Process process(*this);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), Error::Kind::not_found);
        EXPECT_THAT(e.hint(), HasSubstr("recover"));
    }
}

TEST_F(ColdRestoreTest, OneAtATime) {
    back_up();
    lose_volumes();
    Process process(*this);
    process.remote->run();
    try {
        Process second(*this);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), Error::Kind::denied);
        EXPECT_THAT(e.message(), HasSubstr("another restore"));
    }
    vault_.let_time_pass();
    auto shown = engine::list_thaws(environment_, runs_.set, true, opener(), runs_.observer);
    ASSERT_FALSE(shown.empty());
    EXPECT_EQ(shown[0].state, catalog::Thaw::State::asked) << "the other one's work is left alone";
}

TEST_F(ColdRestoreTest, JobsAreLookedAt) {
    back_up();
    lose_volumes();
    Process(*this, {"d5/noise"}).remote->run();
    vault_.let_time_pass();
    auto state_of_first = [&](bool ask) {
        return engine::list_thaws(environment_, runs_.set, ask, opener(), runs_.observer).at(0).state;
    };
    EXPECT_EQ(state_of_first(false), catalog::Thaw::State::asked);
    EXPECT_EQ(state_of_first(true), catalog::Thaw::State::ready);
    EXPECT_EQ(state_of_first(false), catalog::Thaw::State::ready);
}

TEST_F(ColdRestoreTest, WhatAnotherRestoreWantsStays) {
    back_up();
    lose_volumes();
    Process(*this, {"d0/noise"}).remote->run();
    {
        Process process(*this, {"d4/noise"}, RestoreFrom::automatic, true);
        EXPECT_TRUE(process.remote->run().complete());
        process.remote->remove();
    }
    Process first(*this, {"d0/noise"});
    EXPECT_EQ(first.remote->state().unasked, 0U);
    EXPECT_TRUE(first.remote->run().complete());
    first.expect_restored();
}

TEST_F(ColdRestoreTest, DiskThatFillsUp) {
    back_up();
    lose_volumes();
    std::filesystem::create_directory(in_backup(".thawed"));
    SmallDisk disk(in_backup(".thawed"));
    if (!disk.mounted()) GTEST_SKIP() << "mounting is not permitted";
    write_file_durably(environment_.fs, in_backup(".thawed"), "ballast", std::string(1500 << 10, 'b'), false);
    Process(*this, {"z/large"}).remote->run();
    vault_.let_time_pass();
    try {
        Process(*this, {"z/large"}).remote->run();
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.os_error(), ENOSPC) << e.message();
        EXPECT_THAT(e.hint(), HasSubstr("make room"));
    }
    std::uint64_t before = vault_.read_bytes;
    disk.grow();
    Process process(*this, {"z/large"});
    FetchState state = process.remote->run();
    EXPECT_TRUE(state.complete());
    EXPECT_GT(before, 0U);
    EXPECT_LE(vault_.read_bytes, state.bytes + threads_ * 4 * kAlignment);
    process.expect_restored();
}

// kill -9 before each call of the target and each piece of a download.
TEST_F(ColdRestoreTest, KilledAnywhereItGoesOn) {
    back_up();
    lose_volumes();
    threads_ = 1;
    environment_.threads = 1;
    std::vector<std::string> paths = {"d1/noise", "d8/noise"};
    bool killed = true;
    int kills = 0;
    for (int at = 1; killed; ++at) {
        std::filesystem::remove_all(in_backup(".thawed"));
        for (const char* suffix : {"", "-wal", "-shm"})
            std::filesystem::remove(in_backup("thaws.db") + suffix);
        vault_.jobs.clear();
        vault_.read_bytes = vault_.thaws = 0;
        pid_t child = fork();
        if (child == 0) {
            int calls = 0;
            vault_.on_call = [&](std::string_view) {
                if (++calls == at) kill(getpid(), SIGKILL);
            };
            Process process(*this, paths, RestoreFrom::automatic, true);
            _exit(process.remote->run().complete() ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        killed = WIFSIGNALED(status);
        if (!killed) {
            ASSERT_EQ(WEXITSTATUS(status), 0);
            break;
        }
        ++kills;
        // The vault of this process knows nothing of the child's requests: they have expired.
        Process process(*this, paths, RestoreFrom::automatic, true);
        FetchState state = process.remote->run();
        for (int i = 0; i < 2 && state.unasked > 0; ++i) state = process.remote->run();
        EXPECT_TRUE(state.complete()) << "killed at call " << at;
        process.expect_restored();
        process.remote->remove();
        EXPECT_FALSE(path_exists(in_backup(".thawed")));
    }
    EXPECT_GT(kills, 15);
}

}  // namespace
}  // namespace icecore::testing
