// Names that scripts and formats stumble over.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

std::string all_bytes(int from, int to) {
    std::string name;
    for (int c = from; c <= to; ++c)
        if (c != '/' && c != 0) name += static_cast<char>(c);
    return name;
}

const std::vector<std::string>& odd_names() {
    static const std::vector<std::string> kNames = {"new\nline",
                                                    "\n",
                                                    "trailing\n",
                                                    "tab\tand\rreturn",
                                                    "\x01\x02\x1b[31m\x7f",
                                                    all_bytes(1, 127),
                                                    all_bytes(128, 255),
                                                    std::string(255, 'x'),
                                                    std::string(127, 'y') + std::string(128, '\xe9'),
                                                    "\xff\xfe",
                                                    "caf\xc3\xa9",
                                                    "caf\xe9",
                                                    "\xed\xa0\x80",
                                                    "\xf0\x9f\xa7\x8a",
                                                    "-",
                                                    "--",
                                                    "-rf",
                                                    "--checkpoint-action=exec=false",
                                                    " ",
                                                    "trailing space ",
                                                    "...",
                                                    ".hidden",
                                                    "~",
                                                    "*",
                                                    "?",
                                                    "[a]",
                                                    "\\",
                                                    "\\x41",
                                                    "back\\slash",
                                                    "\"quoted\"",
                                                    "'",
                                                    "`id`",
                                                    "$HOME",
                                                    "a:b",
                                                    "C:",
                                                    "@LongLink",
                                                    "#x",
                                                    "%s%n",
                                                    "GNU.dumpdir",
                                                    "path=x",
                                                    "12 path=x\n",
                                                    "con",
                                                    "x" + std::string(99, 'z'),
                                                    std::string(100, 'w'),
                                                    std::string(101, 'v'),
                                                    ".icecore-1",
                                                    ".icecore-2",
                                                    ".icecore-deep-1",
                                                    ".icecore-old-1",
                                                    ".icecore-restore-1-1",
                                                    "CACHEDIR",
                                                    "archive.snar",
                                                    ".running",
                                                    "R",
                                                    "T",
                                                    "X",
                                                    "D",
                                                    "Y",
                                                    "N"};
    return kNames;
}

class OddNames : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }
    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

TEST_F(OddNames, Files) {
    unsigned seed = 0;
    for (const std::string& name : odd_names()) tree_.file(name, noise(100, ++seed));
    runs_.run();
    for (const std::string& name : odd_names()) tree_.file("below/" + name, noise(100, ++seed));
    for (const std::string& name : odd_names()) tree_.append(name, "changed");
    runs_.run();
    for (const std::string& name : odd_names())
        tree_.rename("below/" + name, "below/" + name.substr(0, 250) + "+2");
    runs_.run();
    for (const std::string& name : odd_names()) tree_.remove(name);
    runs_.run();
}

TEST_F(OddNames, Directories) {
    for (const std::string& name : odd_names()) tree_.file(name + "/" + name, "x");
    runs_.run();
    tree_.dir("moved");
    for (std::size_t i = 0; i < odd_names().size(); i += 3) {
        std::string name = odd_names()[i];
        tree_.rename(name, i % 2 == 0 ? "moved/" + name : name.substr(0, 250) + "!");
    }
    runs_.run();
}

TEST_F(OddNames, LinksAndTheirTargets) {
    tree_.file("file", "x");
    unsigned i = 0;
    for (const std::string& name : odd_names()) {
        tree_.symlink(format("symlink{}", ++i), name);
        tree_.file(format("links/{}", i), format("{}", i));
        tree_.link(format("links/{}", i), "links/" + name.substr(0, 250) + "=");
    }
    tree_.symlink("long", std::string(4000, 't'));
    runs_.run();
    tree_.link("links/1", "links/one more\n");
    tree_.remove("links/2");
    runs_.run();
}

/// Moves that need temporary names, while the tree has files of just these names.
TEST_F(OddNames, TheTemporaryNamesAreTaken) {
    for (int i = 1; i <= 6; ++i) tree_.file(format(".icecore-{}", i), noise(1000, static_cast<unsigned>(i)));
    tree_.file("a/x", noise(1000, 20));
    tree_.file("b/x", noise(1000, 21));
    runs_.run();
    tree_.rename("a", "t");
    tree_.rename("b", "a");
    tree_.rename("t", "b");
    tree_.rename(".icecore-1", "t");
    tree_.rename(".icecore-2", ".icecore-1");
    tree_.rename("t", ".icecore-2");
    tree_.rename(".icecore-3", ".icecore-7");
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
    tree_.remove(".icecore-4");
    tree_.rename("a", "t");
    tree_.rename("b", "a");
    tree_.rename("t", "b");
    runs_.run();
    for (int i = 1; i <= 7; ++i) tree_.remove(format(".icecore-{}", i));
    tree_.file(".icecore-8/file", "x");
    tree_.rename("a", ".icecore-1");
    tree_.rename("b", "a");
    tree_.rename(".icecore-1", "b");
    runs_.run();
}

TEST_F(OddNames, RestoreOfSinglePaths) {
    tree_.file("a\nb/\xff", "wanted");
    tree_.file("a\nb/other", "not wanted");
    runs_.run();
    std::string to = runs_.temp() / "single";
    runs_.restore(1, to, {"a\nb/\xff"});
    TreeSnapshot got = snapshot_tree(to);
    EXPECT_EQ(got.entries.size(), 3U);
    EXPECT_TRUE(got.entries.contains("a\nb/\xff"));
}

TEST_F(OddNames, ADirectoryOfSixtyThousand) {
    for (int i = 0; i < 60'000; ++i) {
        Fd fd(openat(AT_FDCWD, (tree_ / format("many names of some length {}", i)).c_str(),
                     O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        ASSERT_TRUE(fd);
    }
    runs_.run();
    for (int i = 0; i < 60'000; i += 7) tree_.remove(format("many names of some length {}", i));
    tree_.file("many names of some length 8", "changed");
    tree_.rename("many names of some length 9", "moved");
    runs_.run();
}

}  // namespace
}  // namespace icecore::testing
