// Paths beyond what system calls take: bare GNU tar and icecore give back every run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checked_runs.h"

namespace icecore::testing {
namespace {

constexpr std::uint64_t kFewKiB = 6 << 10;

class DeepPaths : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }
    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

/// A path of about `bytes` bytes below `top`, in components of `name_bytes`.
std::string deep(const std::string& top, std::size_t bytes, std::size_t name_bytes = 100, char letter = 'd') {
    std::string path = top;
    while (path.size() + name_bytes < bytes) path += "/" + std::string(name_bytes, letter);
    return path;
}

TEST_F(DeepPaths, FullThenUnchanged) {
    std::string bottom = deep("top", 6000);
    tree_.file(bottom + "/file", "deep content");
    tree_.file(bottom.substr(0, bottom.size() / 2) + "/half", "half way");
    tree_.file("plain", "plain");
    tree_.symlink(bottom + "/link", "file");
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, kFewKiB);
}

TEST_F(DeepPaths, ChangesDeepInside) {
    std::string bottom = deep("top", 5000);
    tree_.file(bottom + "/file", "one");
    tree_.file(bottom + "/other", "stays");
    runs_.run();
    tree_.file(bottom + "/file", "two, longer");
    runs_.run();
    tree_.file(bottom + "/new/thing", "new");
    runs_.run();
    tree_.remove(bottom + "/other");
    runs_.run();
    tree_.rename(bottom + "/file", bottom + "/renamed");
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, kFewKiB);
}

TEST_F(DeepPaths, BesideShallowChanges) {
    std::string bottom = deep("top", 5000);
    tree_.file(bottom + "/file", noise(100 << 10, 1));
    tree_.file("top/shallow", "one");
    runs_.run();
    tree_.file("top/shallow", "two");
    tree_.file("more", "more");
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, kFewKiB);
}

TEST_F(DeepPaths, ManyLevelsOfOneLetter) {
    std::string bottom = deep("a", 6000, 1);
    tree_.file(bottom + "/file", "at the bottom");
    runs_.run();
    tree_.file(bottom + "/file", "changed there");
    runs_.run();
}

TEST_F(DeepPaths, FarBeyondTwoStations) {
    std::string bottom = deep("top", 14000, 200);
    for (std::size_t slash = bottom.find('/'); slash != std::string::npos;
         slash = bottom.find('/', slash + 1)) {
        tree_.file(bottom.substr(0, slash) + "/file", "x");
        tree_.file(bottom.substr(0, slash) + "/zz/beside", "y");
    }
    runs_.run();
    tree_.file(bottom + "/new", "new");
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, kFewKiB);
    tree_.remove("top");
    runs_.run({.allow_empty = true});
}

TEST_F(DeepPaths, AsFarDownAsTarCanGo) {
    std::string bottom = deep("top", 130'000, 250);
    tree_.file(bottom + "/file", "x");
    runs_.run();
    tree_.file(bottom + "/file", "yy");
    runs_.run();
}

TEST_F(DeepPaths, BeyondTarButNotBeyondUs) {
    tree_.file(deep("top", 160'000, 250) + "/file", "x");
    TreeSnapshot source = snapshot_tree(runs_.set.data_dir);
    engine::BackupResult result = runs_.backup();
    EXPECT_EQ(result.trailer.counts.errors, 1U);
    ASSERT_EQ(runs_.observer.warnings.size(), 1U);
    EXPECT_THAT(runs_.observer.warnings[0],
                ::testing::EndsWith("too deep for tar; only icecore can restore it"));
    EXPECT_EQ(join_lines(runs_.restore_differences(1, source)), "");
}

TEST_F(DeepPaths, SeveralUnits) {
    for (char letter : {'a', 'b', 'c'}) {
        std::string bottom = deep(std::string(1, letter), 4500, 120, letter);
        tree_.file(bottom + "/file", noise(50 << 10, static_cast<unsigned char>(letter)));
        tree_.file(bottom + "/also/here", "here");
    }
    // Two units side by side in one directory.
    std::string parent = deep("sides", 3700, 200);
    for (const char* side : {"one", "two"})
        tree_.file(join_path(parent, side + std::string(200, 'x')) + deep("/y", 1000) + "/file", side);
    runs_.run();
    tree_.file(deep("b", 4500, 120, 'b') + "/file", "b changed");
    engine::BackupResult second = runs_.run();
    EXPECT_LT(second.trailer.counts.stored_bytes, 20U << 10) << "the other units are not stored again";
    tree_.remove("c");
    tree_.file(deep("a", 4500, 120, 'a') + "/file", "a changed");
    tree_.file(join_path(parent, "one" + std::string(200, 'x')) + deep("/y", 1000) + "/file", "changed");
    runs_.run();
}

TEST_F(DeepPaths, UnitAppearsAndDisappearsByARename) {
    std::string name(250, 'n');
    std::string inner = deep("", 3600).substr(1);
    tree_.file("a/" + inner + "/e/file", noise(100 << 10, 2));
    tree_.file("a/" + inner + "/e/f/file", "f");
    runs_.run();
    tree_.rename("a", name);
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 10U << 10);
    tree_.file(name + "/" + inner + "/e/file", "changed while deep");
    runs_.run();
    tree_.rename(name, "b");
    runs_.run();
    tree_.file("b/" + inner + "/e/file", "changed while not so deep");
    runs_.run();
}

TEST_F(DeepPaths, UnitMovesWithItsAncestor) {
    std::string bottom = deep("a", 5000);
    tree_.file(bottom + "/file", noise(100 << 10, 3));
    runs_.run();
    tree_.rename("a", "b");
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 10U << 10);
    tree_.rename("b", "c");
    tree_.file("c" + bottom.substr(1) + "/file", "moved and changed");
    runs_.run();
    tree_.rename("c", "d");
    tree_.file(bottom + "/file", "a new tree at the first one's place");
    runs_.run();
    tree_.rename("a", "t");
    tree_.rename("d", "a");
    tree_.rename("t", "d");
    tree_.file(bottom + "/other", "changed after the exchange");
    runs_.run();
}

TEST_F(DeepPaths, AncestorMovesAwayAndANewTreeTakesItsPlace) {
    std::string bottom = deep("a", 5000);
    tree_.file(bottom + "/file", "old");
    runs_.run();
    tree_.rename("a", "z");
    tree_.file(bottom + "/file", "new");
    runs_.run();
    tree_.remove("a");
    tree_.rename("z", "a");
    runs_.run();
}

TEST_F(DeepPaths, UnitRootIsRenamed) {
    std::string parent = deep("a", 3700);
    std::string unit = parent + "/" + std::string(200, 'u');
    tree_.file(unit + "/file", "one");
    runs_.run();
    tree_.rename(unit, parent + "/" + std::string(200, 'v'));
    runs_.run();
    tree_.rename(parent + "/" + std::string(200, 'v'), "short");
    runs_.run();
    tree_.rename("short", parent + "/" + std::string(200, 'w'));
    runs_.run();
}

TEST_F(DeepPaths, UnitIsRemoved) {
    std::string bottom = deep("a", 5000);
    tree_.file(bottom + "/file", "one");
    tree_.file(deep("b", 12000) + "/file", "far down");
    tree_.file("stays", "x");
    runs_.run();
    tree_.remove("a");
    runs_.run();
    tree_.remove(deep("b", 9000));
    runs_.run();
    tree_.remove(deep("b", 4000));
    runs_.run();
    tree_.remove("b");
    tree_.file("b", "a file now");
    runs_.run();
}

TEST_F(DeepPaths, WhatIsRemovedWasCarriedTooDeepBefore) {
    std::string far = deep("", 3600).substr(1);
    tree_.file("p/x/" + far + "/file", "goes");
    tree_.file("p/y/" + far + "/file", "goes too, for a file");
    tree_.file("p/stays", noise(20 << 10, 1));
    runs_.run();
    tree_.dir(deep("q", 3600));
    tree_.rename("p", deep("q", 3600) + "/p");
    tree_.remove(deep("q", 3600) + "/p/x");
    tree_.remove(deep("q", 3600) + "/p/y");
    tree_.file(deep("q", 3600) + "/p/y", "a file");
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 10U << 10);
}

TEST_F(DeepPaths, FilesMoveInAndOut) {
    std::string bottom = deep("a", 5000);
    tree_.file(bottom + "/out", noise(10 << 10, 4));
    tree_.file("in", noise(10 << 10, 5));
    runs_.run();
    tree_.rename(bottom + "/out", "out");
    tree_.rename("in", bottom + "/in");
    runs_.run();
    tree_.rename(bottom, "deep directory");
    runs_.run();
}

TEST_F(DeepPaths, HardLinks) {
    runs_.ignore_link_groups = true;  // files of their own in the archive (doc/format.md)
    std::string bottom = deep("a", 5000);
    tree_.file(bottom + "/one", noise(50 << 10, 6));
    tree_.link(bottom + "/one", bottom + "/two");
    tree_.link(bottom + "/one", "outside");
    tree_.link(bottom + "/one", "outside too");
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, kFewKiB);
    tree_.append("outside", "more");
    runs_.run();
    tree_.remove(bottom + "/one");
    runs_.run();
    tree_.remove("outside");
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, kFewKiB);
}

TEST_F(DeepPaths, LinksThatBecomeDeepByARename) {
    runs_.ignore_link_groups = true;
    std::string name(250, 'n');
    std::string inner = deep("", 3600).substr(1) + "/e";
    tree_.file("a/" + inner + "/one", noise(50 << 10, 6));
    tree_.link("a/" + inner + "/one", "a/" + inner + "/two");
    tree_.link("a/" + inner + "/one", "outside");
    runs_.run();
    tree_.rename("a", name);
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 10U << 10);
    tree_.append("outside", "x");
    runs_.run();
}

TEST_F(DeepPaths, ReservedNamesInTheRoot) {
    tree_.file(".icecore-deep-1/mine", "mine");
    tree_.file(".icecore-old-1/mine", "mine");
    tree_.file(".icecore-deep-1-1", "mine");
    std::string bottom = deep("a", 9000);
    tree_.file(bottom + "/file", "one");
    runs_.run();
    tree_.file(bottom + "/file", "two");
    runs_.run();
    tree_.remove(".icecore-old-1");
    tree_.remove(".icecore-deep-1");
    tree_.file(bottom + "/file", "three");
    runs_.run();
}

TEST_F(DeepPaths, ModesAndTimes) {
    std::string bottom = deep("a", 9000);
    tree_.file(bottom + "/file", "one");
    for (std::size_t slash = bottom.rfind('/'); slash != std::string::npos && slash > 0;
         slash = bottom.rfind('/', slash - 1))
        tree_.set_mtime(bottom.substr(0, slash), {static_cast<std::int64_t>(slash) * 100000, 5});
    runs_.run();
    tree_.set_mtime(deep("a", 6000), {77, 7});
    runs_.run();
}

}  // namespace
}  // namespace icecore::testing
