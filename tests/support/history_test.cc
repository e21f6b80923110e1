#include "support/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

#include "base/text.h"
#include "support/history_gen.h"
#include "support/history_weights.h"
#include "support/temp_dir.h"
#include "support/tree_compare.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Everything but what the clock and the inode numbers decide.
CompareOptions timeless() {
    CompareOptions options;
    options.ignore_root_mtime = true;
    return options;
}

TreeSnapshot without_times(TreeSnapshot snapshot) {
    for (auto& [path, entry] : snapshot.entries) entry.mtime = {};
    return snapshot;
}

std::size_t depth_of(const std::string& path) {
    return path.empty() ? 0 : static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + 1;
}

bool keeps_limits(const TreeSnapshot& snapshot) {
    return snapshot.entries.size() <= kEntriesMax + 1 &&
           std::all_of(snapshot.entries.begin(), snapshot.entries.end(),
                       [](const auto& entry) { return depth_of(entry.first) <= kDepthMax; });
}

TEST(RandomHistory, SeedDecidesAll) {
    EXPECT_EQ(random_history(7, 3, 20), random_history(7, 3, 20));
    EXPECT_NE(random_history(7, 3, 20), random_history(8, 3, 20));
    TempDir a;
    TempDir b;
    for (const Steps& run : random_history(7, 4, 20))
        EXPECT_EQ(apply_steps(run, a.path()), apply_steps(run, b.path()));
    EXPECT_EQ(join_lines(differences(without_times(snapshot_tree(a.path())),
                                     without_times(snapshot_tree(b.path())), timeless())),
              "");
}

TEST(RandomHistory, StaysWithinLimitsAndUsesEveryAction) {
    std::set<Action> effective;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        TempDir dir;
        for (const Steps& run : random_history(seed, 6, 25))
            for (const Step& step : run)
                if (!apply_step(step, dir.path()).empty()) effective.insert(step.action);
        TreeSnapshot snapshot = snapshot_tree(dir.path());
        EXPECT_TRUE(keeps_limits(snapshot)) << "seed " << seed;
        EXPECT_FALSE(snapshot.entries.contains("~history~"));
    }
    for (auto action = Action::create_file; action <= Action::write_linked;
         action = static_cast<Action>(static_cast<int>(action) + 1)) {
        if (geteuid() != 0 && (action == Action::change_owner || action == Action::make_device)) continue;
        EXPECT_TRUE(effective.contains(action)) << name_of(action) << " never did anything";
    }
}

TEST(RandomHistory, MakesTreesOfEveryKind) {
    TempDir dir;
    std::set<FileType> types;
    bool linked_other = false;
    bool odd_name = false;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        TempDir tree;
        for (const Steps& run : random_history(seed, 3, 25)) apply_steps(run, tree.path());
        TreeSnapshot snapshot = snapshot_tree(tree.path());
        for (const auto& [path, entry] : snapshot.entries) {
            types.insert(entry.type);
            odd_name = odd_name || escape_path(path) != path;
        }
        for (const auto& group : snapshot.link_groups)
            linked_other = linked_other || snapshot.entries.at(group[0]).type != FileType::regular;
    }
    EXPECT_TRUE(types.contains(FileType::fifo) && types.contains(FileType::symlink));
    EXPECT_EQ(geteuid() == 0,
              types.contains(FileType::char_device) || types.contains(FileType::block_device));
    EXPECT_TRUE(odd_name);
    EXPECT_TRUE(linked_other);
}

TEST(RandomHistory, PlainMixLeavesOutWhatItSays) {
    for (const Steps& run : random_history(3, 4, 200, kPlainMix))
        for (const Step& step : run)
            EXPECT_TRUE(step.action <= Action::make_device || step.action == Action::copy_file) << step;
}

TEST(ApplyStep, DoesNothingInAnEmptyTreeButCreate) {
    for (auto action = Action::append; action <= Action::write_linked;
         action = static_cast<Action>(static_cast<int>(action) + 1)) {
        TempDir dir;
        Step step;
        step.action = action;
        step.first = step.second = step.third = step.name = step.value = 999;
        EXPECT_NO_THROW(apply_step(step, dir.path())) << step;
        EXPECT_LE(snapshot_tree(dir.path()).entries.size(), 2U) << step;
    }
}

TEST(ApplyStep, NamedStepsDoWhatTheySay) {
    TempDir dir;
    auto act = [&](Action action, std::uint32_t first, std::uint32_t second = 0, std::uint32_t third = 0) {
        return apply_step(Step{action, first, second, third, 0, 2}, dir.path());
    };
    EXPECT_EQ(act(Action::make_directory, 0), "create a");
    EXPECT_EQ(act(Action::create_file, 1), "create a/a");
    EXPECT_EQ(act(Action::make_directory, 0), "create b");
    EXPECT_EQ(act(Action::link, 0, 2), "link a/a -> b/a");
    EXPECT_EQ(snapshot_tree(dir.path()).link_groups, (std::vector<std::vector<std::string>>{{"a/a", "b/a"}}));
    EXPECT_EQ(act(Action::swap_directories, 0, 0), "swap a -> b");
    EXPECT_EQ(act(Action::break_link, 1), "break link b/a");
    EXPECT_THAT(snapshot_tree(dir.path()).link_groups, IsEmpty());
    EXPECT_EQ(act(Action::shift_directory, 0, 0), "shift a -> c");
    EXPECT_EQ(act(Action::rotate_directories, 0, 0, 0), "rotate a -> b -> c");
    TreeSnapshot snapshot = snapshot_tree(dir.path());
    EXPECT_TRUE(snapshot.entries.contains("a/a"));   // c was what a had been
    EXPECT_TRUE(snapshot.entries.contains("c/a"));   // b
    EXPECT_FALSE(snapshot.entries.contains("b/a"));  // a, new and empty
    EXPECT_EQ(act(Action::change_type, 1), "change the type of a/a");
    EXPECT_EQ(snapshot_tree(dir.path()).entries.at("a/a").type, FileType::symlink);
    EXPECT_EQ(act(Action::remove_tree, 0), "remove a");
}

/// A check that prints nothing and takes its seed from here, so that every run of the tests is the same.
rc::detail::TestResult check_quietly(const std::function<void()>& property) {
    rc::detail::TestParams params;
    params.seed = 20261122;
    params.maxSuccess = 15;
    return rc::detail::checkTestable(property, rc::detail::TestMetadata(), params);
}

TEST(GenHistory, MakesHistoriesThatApplyAndKeepTheLimits) {
    std::size_t steps = 0;
    auto result = check_quietly([&] {
        History history = *genHistory(3, 12);
        RC_ASSERT(history.size() == 3U);
        TempDir dir;
        for (const Steps& run : history) {
            steps += run.size();
            apply_steps(run, dir.path());
        }
        RC_ASSERT(keeps_limits(snapshot_tree(dir.path())));
    });
    EXPECT_TRUE(result.is<rc::detail::SuccessResult>()) << rc::toString(result);
    EXPECT_GT(steps, 100U);
}

TEST(GenHistory, ShrinksToTheStepsThatMatter) {
    auto result = check_quietly([] {
        TempDir dir;
        for (const Steps& run : *genHistory(3, 15)) apply_steps(run, dir.path());
        RC_ASSERT(snapshot_tree(dir.path()).link_groups.empty());
    });
    ASSERT_TRUE(result.is<rc::detail::FailureResult>());
    std::string shown = result.get<rc::detail::FailureResult>().counterExample.at(0).second;
    // One file, one link to it.
    EXPECT_THAT(shown, HasSubstr("[create_file(0, 0, 0, name 0, value 0), link(0, 0, 0, name 0, value 0)]"));
    EXPECT_EQ(std::count(shown.begin(), shown.end(), '('), 2);
}

TEST(ShowValue, PrintsAStep) {
    std::ostringstream out;
    showValue(Step{Action::rename, 3, 0, 0, 2, 17}, out);
    EXPECT_EQ(out.str(), "rename(3, 0, 0, name 2, value 17)");
    EXPECT_EQ(rc::toString(History{{Step{}}}), "[[create_file(0, 0, 0, name 0, value 0)]]");
}

}  // namespace
}  // namespace icecore::testing
