#include "engine/rename_plan.h"

#include <gtest/gtest.h>

#include <map>

#include "base/text.h"

namespace icecore::engine {
namespace {

/// A tree in memory that obeys rename(2) as GNU tar's extractor calls it: path → 'd' or 'f'.
class Disk {
  public:
    explicit Disk(std::map<std::string, char> names) : names_(std::move(names)) {}

    /// Empty on success, else what failed.
    std::string run(const RenameSequence& sequence) {
        for (const auto& rename : sequence.renames) {
            std::string problem = run_one(rename.from.substr(2), rename.to.substr(2));
            if (!problem.empty()) return rename.from + " -> " + rename.to + ": " + problem;
        }
        return "";
    }
    bool has(const std::string& path) const { return names_.contains(path); }

  private:
    std::string run_one(const std::string& from, const std::string& to) {
        if (!has(from)) return "no such name";
        for (std::string_view up = parent_path(to); !up.empty(); up = parent_path(up)) {
            auto [it, made] = names_.emplace(std::string(up), 'd');
            if (!made && it->second != 'd') return "a parent is no directory";
        }
        auto there = names_.find(to);
        if (there != names_.end()) {
            if (there->second == 'd' || names_.at(from) == 'd') return "something is in the way";
            names_.erase(there);
        }
        if (is_below(to, from)) return "into itself";
        std::map<std::string, char> moved;
        for (auto it = names_.begin(); it != names_.end();) {
            if (!is_below(it->first, from)) {
                ++it;
                continue;
            }
            moved.emplace(to + it->first.substr(from.size()), it->second);
            it = names_.erase(it);
        }
        names_.merge(moved);
        return "";
    }

    std::map<std::string, char> names_;
};

TEST(RenamePlan, ASingleMoveIsOneRename) {
    RenameSequence sequence = plan_renames({{"a", "b/c", true, {}}}, {}, {});
    ASSERT_EQ(sequence.renames.size(), 1U);
    EXPECT_EQ(sequence.renames[0].from, "./a");
    EXPECT_EQ(sequence.renames[0].to, "./b/c");
    EXPECT_FALSE(sequence.purge_again);
}

TEST(RenamePlan, SwapsGoThroughTemporaryNames) {
    Disk disk({{"a", 'd'}, {"a/1", 'f'}, {"b", 'd'}, {"b/2", 'f'}});
    RenameSequence sequence = plan_renames({{"a", "b", true, {}}, {"b", "a", true, {}}}, {}, {});
    EXPECT_EQ(disk.run(sequence), "");
    EXPECT_TRUE(disk.has("b/1"));
    EXPECT_TRUE(disk.has("a/2"));
    EXPECT_FALSE(disk.has("a/1"));
}

TEST(RenamePlan, AParentBecomesItsChildsChild) {
    Disk disk({{"a", 'd'}, {"a/b", 'd'}, {"a/b/x", 'f'}, {"a/y", 'f'}});
    RenameSequence sequence = plan_renames({{"a/b", "a", true, {}}, {"a", "a/b", true, {}}}, {}, {});
    EXPECT_EQ(disk.run(sequence), "");
    EXPECT_TRUE(disk.has("a/x"));
    EXPECT_TRUE(disk.has("a/b/y"));
}

TEST(RenamePlan, RotationsOfFilesAndDirectories) {
    Disk disk({{"a", 'f'}, {"b", 'd'}, {"b/in", 'f'}, {"c", 'f'}});
    RenameSequence sequence =
        plan_renames({{"a", "b", false, {}}, {"b", "c", true, {}}, {"c", "a", false, {}}}, {}, {});
    EXPECT_EQ(disk.run(sequence), "");
    EXPECT_TRUE(disk.has("c/in"));
    EXPECT_TRUE(disk.has("a"));
    EXPECT_TRUE(disk.has("b"));
}

TEST(RenamePlan, ObstaclesArePutAsideForTheSecondRootRecord) {
    Disk disk({{"old", 'd'}, {"old/full", 'f'}, {"file", 'f'}});
    RenameSequence sequence = plan_renames({{"file", "old", false, {"old"}}}, {}, {});
    EXPECT_TRUE(sequence.purge_again);
    EXPECT_EQ(disk.run(sequence), "");
    EXPECT_TRUE(disk.has("old"));
    EXPECT_FALSE(disk.has("old/full"));
    EXPECT_TRUE(disk.has(".icecore-1") && disk.has(".icecore-1/full"));
}

TEST(RenamePlan, WhatStaysInADirectoryThatIsMadeAnewMovesBack) {
    Disk disk({{"d", 'd'}, {"d/kept", 'f'}, {"d/gone", 'f'}});
    RenameSequence sequence = plan_renames({{"d/kept", "d/kept", false, {}}}, {"d"}, {});
    EXPECT_TRUE(sequence.purge_again);
    EXPECT_EQ(disk.run(sequence), "");
    EXPECT_TRUE(disk.has("d/kept"));
    EXPECT_FALSE(disk.has("d/gone"));
}

TEST(RenamePlan, TemporaryNamesAvoidWhatIsThere) {
    RenameSequence sequence =
        plan_renames({{"a", "b", true, {}}, {"b", "a", true, {}}}, {}, {".icecore-1", ".icecore-3"});
    for (const auto& rename : sequence.renames) {
        EXPECT_NE(rename.to, "./.icecore-1");
        EXPECT_NE(rename.to, "./.icecore-3");
    }
}

}  // namespace
}  // namespace icecore::engine
