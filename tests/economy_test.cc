// What did not change is not stored again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

constexpr std::uint64_t kUnchangedBytesMax = 4096;

class Economy : public ::testing::Test {
  protected:
    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;

    /// Runs, and expects the archive to be small and `path` to be where the first run stored it.
    void expect_kept(const std::vector<std::string>& paths, std::uint64_t bytes_max = 8 << 10) {
        engine::BackupResult result = runs_.run();
        EXPECT_LT(result.trailer.counts.stored_bytes, bytes_max);
        auto catalog = runs_.catalog();
        for (const std::string& path : paths) {
            std::optional<catalog::Entry> entry = catalog->lookup(result.header.run, path);
            ASSERT_TRUE(entry) << path;
            EXPECT_EQ(entry->location.run, 1U) << path;
        }
    }
};

TEST_F(Economy, UnchangedTree) {
    for (int i = 0; i < 300; ++i)
        tree_.file(format("d{}/f{}", i % 20, i), noise(500, static_cast<unsigned>(i)));
    tree_.link("d1/f1", "d2/linked");
    tree_.link("d1/f1", "linked");
    tree_.symlink("symlink", "d1");
    tree_.link("symlink", "symlink too");
    runs_.run();
    engine::BackupResult result = runs_.run();
    EXPECT_LE(result.trailer.counts.stored_bytes, kUnchangedBytesMax);
    EXPECT_EQ(result.trailer.counts.read_bytes, 0U);
    result = runs_.run();
    EXPECT_LE(result.trailer.counts.stored_bytes, kUnchangedBytesMax);
}

TEST_F(Economy, RacyButUnchangedTree) {
    CheckedRuns runs(0);
    for (int i = 0; i < 100; ++i)
        runs.tree.file(format("d{}/f{}", i % 20, i), noise(500, static_cast<unsigned>(i)));
    runs.tree.link("d1/f1", "linked");
    runs.run();
    runs.run();
    EXPECT_LE(runs.run().trailer.counts.stored_bytes, kUnchangedBytesMax);
}

TEST_F(Economy, RenamedDirectory) {
    for (int i = 0; i < 200; ++i)
        tree_.file(format("big/d{}/f{}", i % 10, i), noise(5000, static_cast<unsigned>(i)));
    tree_.link("big/d1/f1", "big/linked");
    tree_.file("big/large", noise(2 << 20, 1));
    runs_.run();
    tree_.rename("big", "renamed");
    expect_kept({"renamed/d1/f11", "renamed/large", "renamed/linked"});
    tree_.dir("deeper/and deeper");
    tree_.rename("renamed", "deeper/and deeper/it");
    expect_kept({"deeper/and deeper/it/d1/f11"});
    tree_.rename("deeper/and deeper/it/d1", "d1");
    tree_.rename("d1/f11", "f11");
    expect_kept({"d1/f21", "f11", "deeper/and deeper/it/d2/f12"});
}

TEST_F(Economy, SingleMovedFiles) {
    tree_.file("a/large", noise(3 << 20, 1));
    tree_.file("a/small", noise(20 << 10, 2));
    tree_.dir("b");
    runs_.run();
    tree_.rename("a/large", "b/large");
    tree_.rename("a/small", "small elsewhere");
    expect_kept({"b/large", "small elsewhere"});
}

TEST_F(Economy, SwappedNames) {
    tree_.file("one", noise(50 << 10, 1));
    tree_.file("two", noise(50 << 10, 2));
    tree_.file("a/file", noise(50 << 10, 3));
    tree_.file("b/file", noise(50 << 10, 4));
    tree_.file("c/file", noise(50 << 10, 5));
    tree_.file("same size", noise(50 << 10, 6));
    tree_.file("and time", noise(50 << 10, 7));
    for (const char* name : {"same size", "and time"}) tree_.set_mtime(name, {1'000'000'000, 0});
    runs_.run();
    tree_.rename("one", "t");
    tree_.rename("two", "one");
    tree_.rename("t", "two");
    tree_.rename("a", "t");
    tree_.rename("b", "a");
    tree_.rename("c", "b");
    tree_.rename("t", "c");
    tree_.rename("same size", "t");
    tree_.rename("and time", "same size");
    tree_.rename("t", "and time");
    expect_kept({"one", "two", "same size", "and time", "a/file", "b/file", "c/file"});
}

TEST_F(Economy, DirectoryMovedAwayAndMadeAnew) {
    tree_.file("a/file", noise(50 << 10, 1));
    tree_.file("a/sub/file", noise(50 << 10, 2));
    runs_.run();
    tree_.rename("a", "z");
    tree_.dir("a");
    expect_kept({"z/file", "z/sub/file"});
    tree_.rename("z", "a/z");
    tree_.dir("z/z");
    expect_kept({"a/z/file", "a/z/sub/file"});
}

TEST_F(Economy, RenamedOntoSomethingThatIsGone) {
    tree_.file("new", noise(50 << 10, 1));
    tree_.file("current", noise(50 << 10, 2));
    tree_.file("next/file", noise(50 << 10, 3));
    tree_.file("live/file", noise(50 << 10, 4));
    tree_.file("live/sub/file", "sub");
    runs_.run();
    tree_.rename("new", "current");
    tree_.remove("live");
    tree_.rename("next", "live");
    expect_kept({"current", "live/file"});
}

TEST_F(Economy, TouchedAndChangedMode) {
    tree_.file("large", noise(2 << 20, 1));
    tree_.file("small", noise(20 << 10, 2));
    runs_.run();
    // ctime moves, nothing else does: the content is read, found equal and not stored.
    for (const char* name : {"large", "small"}) {
        ASSERT_EQ(chmod((tree_ / name).c_str(), 0600), 0);
        ASSERT_EQ(chmod((tree_ / name).c_str(), 0644), 0);
    }
    expect_kept({"large", "small"});
    EXPECT_EQ(runs_.run().trailer.counts.read_bytes, 0U);
}

TEST_F(Economy, LinkedFileMovesAndGetsAnotherName) {
    tree_.file("one", noise(50 << 10, 1));
    tree_.link("one", "two");
    tree_.file("alone", noise(50 << 10, 2));
    runs_.run();
    tree_.link("alone", "not alone");
    tree_.link("one", "d/three");
    expect_kept({"one", "two", "d/three", "alone", "not alone"});
    tree_.rename("one", "d/one");
    expect_kept({"two", "d/three", "d/one"});
    tree_.remove("two");
    tree_.remove("d/three");
    expect_kept({"d/one"});
}

}  // namespace
}  // namespace icecore::testing
