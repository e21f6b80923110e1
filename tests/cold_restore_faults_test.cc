// Restoring from a target that must be thawed: what goes wrong on the way, and how the next process goes on.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cold_restore_fixture.h"
#include "small_disk.h"

namespace icecore::testing {
namespace {

using engine::FetchState;
using engine::RestoreFrom;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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
