#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan/test_tree.h"
#include "scan/walk_rules.h"
#include "scan/walker.h"

namespace icecore::scan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

constexpr std::string_view kTag = "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test\n";

std::vector<std::string> walk(const TestTree& tree, const WalkOptions& options = {},
                              const std::string& start = {}) {
    Recorder recorder;
    walk_tree(tree.fd(), start, options, recorder);
    return recorder.lines;
}

TEST(WalkerRules, ExcludePatterns) {
    TestTree tree;
    for (const char* name : {"a.tmp", "cache/x", "keep/cache/y", "keep/b.tmp", "keep/c"}) tree.file(name);
    EXPECT_THAT(walk(tree, {.exclude = {"*.tmp", "/cache/", "!keep/b.tmp"}}),
                ElementsAre("enter ", "excluded a.tmp (exclude: *.tmp)",
                            "excluded cache [d] (exclude: /cache/)", "child keep", "listed ", "enter keep",
                            "child keep/b.tmp", "child keep/c", "child keep/cache", "listed keep",
                            "enter keep/cache", "child keep/cache/y", "listed keep/cache"));
}

TEST(WalkerRules, IgnoreFiles) {
    TestTree tree;
    tree.file(".backupignore", "*.o\r\n/only-root\nx/deep\nbuild/\n");
    tree.file("a/.backupignore", "!*.o\n/only-here\n");
    for (const char* name : {"f.o", "only-root", "x/deep", "x/f.o", "a/f.o", "a/only-root", "a/only-here",
                             "a/b/only-here", "a/build/f", "z/f.o", "z/only-here"})
        tree.file(name);
    EXPECT_THAT(
        walk(tree, {.exclude = {"!*.o", "*"}}),  // shallower than any file: decides last
        ElementsAre("enter ", "excluded .backupignore (exclude: *)", "excluded a [d] (exclude: *)",
                    "excluded f.o (.backupignore: *.o)", "excluded only-root (.backupignore: /only-root)",
                    "excluded x [d] (exclude: *)", "excluded z [d] (exclude: *)", "listed "));
    EXPECT_THAT(
        walk(tree),
        ElementsAre(
            "enter ", "child .backupignore", "child a", "excluded f.o (.backupignore: *.o)",
            "excluded only-root (.backupignore: /only-root)", "child x", "child z", "listed ", "enter a",
            "child a/.backupignore", "child a/b", "excluded a/build [d] (.backupignore: build/)",
            "child a/f.o", "excluded a/only-here (a/.backupignore: /only-here)", "child a/only-root",
            "listed a", "enter a/b", "child a/b/only-here", "listed a/b",  //
            "enter x", "excluded x/deep (.backupignore: x/deep)", "excluded x/f.o (.backupignore: *.o)",
            "listed x",  //
            "enter z", "excluded z/f.o (.backupignore: *.o)", "child z/only-here", "listed z"));
    EXPECT_THAT(walk(tree, {.ignore_files = false}), Not(Contains(testing::StartsWith("excluded"))));
    // A walk of a part follows the same rules.
    EXPECT_THAT(walk(tree, {}, "a/b"), ElementsAre("enter a/b", "child a/b/only-here", "listed a/b"));
    EXPECT_THAT(walk(tree, {}, "z"), ElementsAre("enter z", "excluded z/f.o (.backupignore: *.o)",
                                                 "child z/only-here", "listed z"));
}

TEST(WalkerRules, IgnoreFilesThatCannotBeUsed) {
    TestTree tree;
    tree.dir("dir/.backupignore");
    tree.file("large/.backupignore", "x\n" + std::string(kIgnoreFileBytesMax - 1, '#'));
    tree.file("large/x");
    tree.file("limit/.backupignore", "x\n" + std::string(kIgnoreFileBytesMax - 2, '#'));
    tree.file("limit/x");
    tree.file("link/x");
    ASSERT_EQ(symlink("../limit/.backupignore", tree.path("link/.backupignore").c_str()), 0);
    tree.dir("fifo");
    ASSERT_EQ(mkfifo(tree.path("fifo/.backupignore").c_str(), 0644), 0);
    std::string lines;
    for (std::size_t i = 0; i <= kIgnoreLinesMax; ++i) lines += "y\n";
    tree.file("many/.backupignore", lines);
    tree.file("many/y");
    EXPECT_THAT(
        walk(tree),
        ElementsAre(
            "enter ", "child dir", "child fifo", "child large", "child limit", "child link", "child many",
            "listed ",  //
            "enter dir", "failed dir/.backupignore EINVAL (reading patterns from what is no file)",
            "child dir/.backupignore", "listed dir", "enter dir/.backupignore", "listed dir/.backupignore",
            "enter fifo", "failed fifo/.backupignore EINVAL (reading patterns from what is no file)",
            "child fifo/.backupignore", "listed fifo",  //
            "enter large", "failed large/.backupignore EFBIG (reading patterns (at most 1 MiB))",
            "child large/.backupignore", "child large/x", "listed large",  //
            "enter limit", "child limit/.backupignore", "excluded limit/x (limit/.backupignore: x)",
            "listed limit",  //
            "enter link", "failed link/.backupignore EINVAL (reading patterns from what is no file)",
            "child link/.backupignore", "child link/x", "listed link",  //
            "enter many",
            "failed many/.backupignore EFBIG (reading patterns (too many in this and the directories above))",
            "child many/.backupignore", "child many/y", "listed many"));
}

TEST(WalkerRules, RulesAreReadable) {
    TestTree tree;
    tree.file("\n/.backupignore", "\xff*\n");
    tree.file("\n/\xff");
    EXPECT_THAT(walk(tree), Contains("excluded \n/\xff (\\x0a/.backupignore: \\xff*)"));
}

TEST(WalkerRules, CacheDirectories) {
    TestTree tree;
    tree.file("CACHEDIR.TAG", kTag);  // the data directory itself is never left out
    tree.file("c/CACHEDIR.TAG", kTag.substr(0, 43));
    tree.file("c/sub/f");
    tree.file("c/a");
    tree.file("bad/CACHEDIR.TAG", kTag.substr(0, 42));
    tree.file("bad/f");
    tree.file("link/f");
    ASSERT_EQ(symlink("../c/CACHEDIR.TAG", tree.path("link/CACHEDIR.TAG").c_str()), 0);
    EXPECT_THAT(walk(tree),
                ElementsAre("enter ", "child CACHEDIR.TAG", "child bad", "child c", "child link", "listed ",
                            "enter bad", "child bad/CACHEDIR.TAG", "child bad/f", "listed bad",  //
                            "enter c", "child c/CACHEDIR.TAG", "excluded c/ (CACHEDIR.TAG)", "listed c",
                            "enter link", "child link/CACHEDIR.TAG", "child link/f", "listed link"));
    EXPECT_THAT(walk(tree, {.exclude_caches = false}), Contains("child c/sub/f"));
}

TEST(WalkerRules, MaxFileSize) {
    TestTree tree;
    tree.file("small", std::string(1000, 'x'));
    tree.file("large", std::string(1536, 'x'));
    EXPECT_THAT(walk(tree, {.max_file_size_bytes = 1024}),
                ElementsAre("enter ", "excluded large (max_file_size: 1.50 KiB > 1.00 KiB)", "child small",
                            "listed "));
    EXPECT_THAT(walk(tree, {.max_file_size_bytes = 1536}), Contains("child large"));
}

TEST(WalkerRules, SkippedPathsAreNotMentioned) {
    TestTree tree;
    for (const char* name : {"a/backup/f", "a/f", "backup/f", "a/backup2"}) tree.file(name);
    EXPECT_THAT(
        walk(tree, {.skip = {"a/backup", "backup/", "none/x"}}),
        ElementsAre("enter ", "child a", "listed ", "enter a", "child a/backup2", "child a/f", "listed a"));
}

bool set_nodump(const std::string& path) {
    Fd fd = open_file(path, O_RDONLY);
    int flags = 0;
    if (ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return false;
    flags |= FS_NODUMP_FL;
    return ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

TEST(WalkerRules, Nodump) {
    TestTree tree;
    for (const char* name : {"d/f", "f", "g"}) tree.file(name);
    if (!set_nodump(tree.path("f"))) GTEST_SKIP() << "the file system has no nodump attribute";
    ASSERT_TRUE(set_nodump(tree.path("d")));
    ASSERT_TRUE(set_nodump(tree.path()));
    EXPECT_THAT(walk(tree), ElementsAre("enter ", "excluded d [d] (nodump attribute)",
                                        "excluded f (nodump attribute)", "child g", "listed "));
    EXPECT_THAT(walk(tree, {.exclude_nodump = false}), Contains("child d/f"));
}

TEST(WalkerRules, OtherFileSystems) {
    TestTree tree;
    tree.dir("mnt");
    tree.file("z");
    if (mount("none", tree.path("mnt").c_str(), "tmpfs", 0, nullptr) != 0) GTEST_SKIP() << "may not mount";
    tree.file("mnt/f");
    std::vector<std::string> one = walk(tree, {.one_file_system = true});
    std::vector<std::string> start_there = walk(tree, {.one_file_system = true}, "mnt");
    std::vector<std::string> all = walk(tree);
    ASSERT_EQ(umount(tree.path("mnt").c_str()), 0);
    EXPECT_THAT(one, ElementsAre("enter ", "child mnt", "child z", "listed ", "enter mnt",
                                 "excluded mnt/ (other file system)", "listed mnt"));
    EXPECT_THAT(start_there, ElementsAre("enter mnt", "excluded mnt/ (other file system)", "listed mnt"));
    EXPECT_THAT(all, Contains("child mnt/f"));
}

}  // namespace
}  // namespace icecore::scan
