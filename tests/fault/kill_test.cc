// kill -9 at random system calls, over a long life of one backup directory, with a tree that goes on
// changing.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>

#include "base/format.h"
#include "fault/child.h"
#include "fault/fault_points.h"
#include "fault/promises.h"
#include "support/history.h"

namespace icecore::testing {
namespace {

constexpr unsigned kRoundsShort = 14;
constexpr unsigned kRoundsLong = 560;  ///< a bit over 1,000 kills
constexpr unsigned kRunsInAChain = 12;

std::uint64_t calls_of(const engine::SetOptions& set, const std::string& trace) {
    std::string dir = set.backup_dir + ".counted";
    engine::SetOptions counted = set;
    counted.backup_dir = dir;
    EXPECT_EQ(run_command({"cp", "-a", set.backup_dir, dir}).status, 0);
    unlink(trace.c_str());
    EXPECT_EQ(run_backup_child(counted, {.fault = "kill:0", .trace = trace}).status, 0);
    EXPECT_EQ(run_command({"rm", "-rf", dir}).status, 0);
    std::ifstream in(trace);
    return static_cast<std::uint64_t>(
        std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
}

/// The one thing that tar's extractor cannot be told (doc/format.md, "Attributes"); histories here go without
/// it.
Mix mix() {
    return Mix{.directory_xattr_removal = false};
}

TEST(Kill, AtRandomCallsOfALongLife) {
    prefer_memory_for_temporary_files();
    CheckedRuns runs;
    runs.set.volume_bytes_max = 64 << 10;
    Promises promises(runs);
    std::mt19937_64 random(fault_seed());
    unsigned rounds = long_form() ? kRoundsLong : kRoundsShort;
    History history = random_history(fault_seed(), rounds, 8, mix());
    unsigned kills = 0;
    std::string told;
    for (unsigned round = 0; round < rounds; ++round) {
        bool full = round % kRunsInAChain == 0;
        SCOPED_TRACE(format("ICECORE_SEED={}, round {} of {}{}", fault_seed(), round + 1, rounds, told));
        apply_steps(history[round], runs.set.data_dir);
        runs.tree.remove("large");
        runs.tree.file("large", noise(1100 << 10, round));
        if (round == 0) {
            ASSERT_EQ(run_backup_child(runs.set, {}).status, 0);
        }
        std::uint64_t calls = calls_of(runs.set, runs.temp() / "trace");
        ASSERT_GT(calls, 50U);
        told.clear();
        for (std::uint64_t times = 1 + random() % 3; times > 0; --times) {
            std::uint64_t at = 1 + random() % calls;
            CommandResult child =
                run_backup_child(runs.set, {.fault = format("kill:{}", at), .trace = runs.temp() / "hit"});
            told += format(" kill:{}", at);
            bool killed = child.status == 128 + SIGKILL;
            kills += killed ? 1 : 0;
            ASSERT_TRUE(killed || child.status == 0) << child.status << child.err << told;
            promises.check_sealed();
            wait_for_next_tick(runs.temp().path());
            runs.tree.remove("between");
            runs.tree.file("between", noise(5000, static_cast<std::uint32_t>(random())));
            if (random() % 2 == 0)
                apply_steps({history[round].begin(), history[round].begin() + 3}, runs.set.data_dir);
        }
        SCOPED_TRACE(told);
        CommandResult child = run_backup_child(runs.set, {.full = full});
        ASSERT_EQ(child.status, 0) << child.err;
        promises.check_success(snapshot_tree(runs.set.data_dir));
        if (::testing::Test::HasFailure()) return;
        wait_for_next_tick(runs.temp().path());
    }
    EXPECT_GE(kills, rounds);
}

}  // namespace
}  // namespace icecore::testing
