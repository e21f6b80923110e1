#include "scan/walker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/error.h"
#include "scan/test_tree.h"

namespace icecore::scan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> walk(const TestTree& tree, Recorder& recorder, const WalkOptions& options = {},
                              const std::string& start = {}) {
    walk_tree(tree.fd(), start, options, recorder);
    return recorder.lines;
}

std::vector<std::string> walk(const TestTree& tree, const WalkOptions& options = {},
                              const std::string& start = {}) {
    Recorder recorder;
    return walk(tree, recorder, options, start);
}

/// Makes a chain of directories of any depth.
void make_chain(const TestTree& tree, const std::string& name, int depth) {
    Fd dir = open_beneath(tree.fd(), "", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < depth; ++i) {
        ASSERT_EQ(mkdirat(dir.get(), name.c_str(), 0755), 0);
        dir = open_beneath(dir.get(), name, O_RDONLY | O_DIRECTORY);
        ASSERT_TRUE(dir);
    }
}

TEST(Walker, OrderOfCalls) {
    TestTree tree;
    tree.file("b/x");
    tree.file("a/y/deep");
    tree.file("a/z");
    tree.dir("a/empty");
    tree.file("a.txt");
    EXPECT_THAT(walk(tree), ElementsAre("enter ", "child a", "child a.txt", "child b", "listed ",          //
                                        "enter a", "child a/empty", "child a/y", "child a/z", "listed a",  //
                                        "enter a/empty", "listed a/empty",                                 //
                                        "enter a/y", "child a/y/deep", "listed a/y",                       //
                                        "enter b", "child b/x", "listed b"));
}

TEST(Walker, EmptyRoot) {
    EXPECT_THAT(walk(TestTree()), ElementsAre("enter ", "listed "));
}

TEST(Walker, EnterCanDecline) {
    TestTree tree;
    tree.file("a/b/c");
    tree.file("d/e");
    Recorder recorder;
    recorder.unentered = "a";
    EXPECT_THAT(walk(tree, recorder), ElementsAre("enter ", "child a", "child d", "listed ", "enter a",
                                                  "enter d", "child d/e", "listed d"));
}

TEST(Walker, ByteOrderOfStrangeNames) {
    TestTree tree;
    std::vector<std::string> names = {"\n",
                                      "\x01",
                                      " ",
                                      "-",
                                      "A",
                                      "a",
                                      "a\n",
                                      "a b",
                                      "aaaaaaaa",
                                      "aaaaaaaab",
                                      "aaaaaaaa\xff",
                                      "\xc3\xa9",
                                      "\xff",
                                      "\xff\xfe",
                                      "~",
                                      std::string(255, 'n')};
    for (const std::string& name : names) tree.file(name);
    std::sort(names.begin(), names.end());
    Recorder recorder;
    walk(tree, recorder);
    EXPECT_EQ(recorder.paths, names);
}

/// Both name every path below a directory, in no particular order.
TEST(Walker, SameAsFind) {
    TestTree tree;
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): repeatable
    std::vector<std::string> dirs = {""};
    for (int i = 0; i < 1200; ++i) {
        std::string name;
        for (std::size_t n = 1 + random() % 12; n > 0; --n) name += static_cast<char>(1 + random() % 255);
        std::replace(name.begin(), name.end(), '/', '\n');
        std::string path = join_path(dirs[random() % dirs.size()], name);
        if (name == "." || name == ".." || std::filesystem::exists(tree.path(path))) continue;
        if (random() % 4 == 0) {
            tree.dir(path);
            dirs.push_back(path);
        } else {
            tree.file(path);
        }
    }
    std::string list = tree.path() + ".list";
    ASSERT_EQ(
        std::system(("cd " + tree.path() + " && find . -xdev -mindepth 1 -printf '%P\\0' >" + list).c_str()),
        0);
    std::string output = read_file(list);
    ::unlink(list.c_str());
    std::vector<std::string> found;
    for (std::size_t at = 0; at < output.size(); at = output.find('\0', at) + 1)
        found.emplace_back(&output[at]);
    Recorder recorder;
    walk(tree, recorder);
    std::sort(found.begin(), found.end());
    std::sort(recorder.paths.begin(), recorder.paths.end());
    EXPECT_GT(found.size(), 1000U);
    EXPECT_EQ(recorder.paths, found);
}

TEST(Walker, DirectoryLargerThanOneRead) {
    TestTree tree;
    std::string long_part(200, 'x');
    for (int i = 0; i < 800; ++i)
        ASSERT_TRUE(Fd(openat(tree.fd(), (std::to_string(i) + long_part).c_str(), O_CREAT | O_WRONLY, 0644)));
    Recorder recorder;
    walk(tree, recorder);
    EXPECT_EQ(recorder.paths.size(), 800U);
    EXPECT_TRUE(std::is_sorted(recorder.paths.begin(), recorder.paths.end()));
}

TEST(Walker, PathsBeyondPathMax) {
    TestTree tree;
    std::string name(200, 'd');
    make_chain(tree, name, 30);
    Recorder recorder;
    walk(tree, recorder);
    ASSERT_EQ(recorder.paths.size(), 30U);
    EXPECT_EQ(recorder.paths.back().size(), 30 * 201U - 1);
}

TEST(Walker, VeryDeepTreeWithAFewDescriptors) {
    TestTree tree;
    make_chain(tree, "d", 3000);
    // A second subdirectory at every hundredth level, so that the walk comes back to levels it has closed.
    std::string path;
    for (int i = 0; i < 3000; ++i) {
        path += i == 0 ? "d" : "/d";
        if (i % 100 != 0) continue;
        Fd dir = open_beneath(tree.fd(), path, O_RDONLY | O_DIRECTORY);
        ASSERT_EQ(mkdirat(dir.get(), "e", 0755), 0);
    }
    Recorder recorder;
    int most = 0;
    auto count_descriptors = [&](const std::string&) {
        auto open = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
        most = std::max(most, static_cast<int>(open));
    };
    count_descriptors("");
    int before = most;
    recorder.on_listed = count_descriptors;
    walk(tree, recorder);
    EXPECT_EQ(recorder.paths.size(), 3000U + 30);
    EXPECT_EQ(std::count(recorder.lines.begin(), recorder.lines.end(), "listed d/e"), 1);
    EXPECT_LT(most - before, 8);
}

TEST(Walker, LinksAreNotFollowed) {
    TestTree tree;
    tree.dir("a");
    ASSERT_EQ(symlink("..", tree.path("a/loop").c_str()), 0);
    ASSERT_EQ(symlink("a", tree.path("link").c_str()), 0);
    ASSERT_EQ(symlink("nowhere", tree.path("dangling").c_str()), 0);
    EXPECT_THAT(walk(tree), ElementsAre("enter ", "child a", "child dangling", "child link", "listed ",
                                        "enter a", "child a/loop", "listed a"));
}

TEST(Walker, SocketsAndFifos) {
    TestTree tree;
    ASSERT_EQ(mkfifo(tree.path("fifo").c_str(), 0644), 0);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    tree.path("sock").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(
        bind(fd.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address), 0);
    EXPECT_THAT(walk(tree), ElementsAre("enter ", "child fifo", "socket sock", "listed "));
    EXPECT_THAT(walk(tree, {.exclude = {"sock"}}),
                ElementsAre("enter ", "child fifo", "excluded sock (exclude: sock)", "listed "));
}

TEST(Walker, StartsBelowTheRoot) {
    TestTree tree;
    tree.file("a/b/c/f");
    tree.file("a/x");
    EXPECT_THAT(walk(tree, {}, "a/b"), ElementsAre("enter a/b", "child a/b/c", "listed a/b", "enter a/b/c",
                                                   "child a/b/c/f", "listed a/b/c"));
    EXPECT_THAT(walk(tree, {}, "a/none"), ElementsAre("failed a/none ENOENT (opening directory)"));
    EXPECT_THAT(walk(tree, {}, "a/x"), ElementsAre("failed a/x ENOTDIR (opening directory)"));
}

TEST(Walker, VanishedThings) {
    TestTree tree;
    for (const char* name : {"a/f", "b/f", "c", "d/f"}) tree.file(name);
    Recorder recorder;
    recorder.on_child = [&](const std::string& path) {
        if (path == "a") tree.remove("c");  // listed, not yet examined
        if (path == "d") tree.remove("a");  // examined, not yet entered
    };
    recorder.on_enter = [&](const std::string& path) {
        if (path == "b") tree.remove("b");  // open, not yet read
    };
    EXPECT_THAT(walk(tree, recorder), ElementsAre("enter ", "child a", "child b", "child d", "listed ",
                                                  "enter b", "listed b", "enter d", "child d/f", "listed d"));
}

TEST(Walker, ReplacedDirectories) {
    TestTree tree;
    TestTree outside;
    outside.file("secret");
    for (const char* name : {"a/f", "b/f", "c/f", "d/sub/f"}) tree.file(name);
    tree.file("new/g");
    Recorder recorder;
    recorder.on_listed = [&](const std::string& path) {
        if (!path.empty()) return;
        tree.remove("a");
        ASSERT_EQ(symlink(outside.path().c_str(), tree.path("a").c_str()), 0);
        tree.remove("b");
        tree.file("b");
        tree.remove("c");
        ASSERT_EQ(rename(tree.path("new").c_str(), tree.path("c").c_str()), 0);
        tree.remove("d");
        ASSERT_EQ(symlink(outside.path().c_str(), tree.path("d").c_str()), 0);
    };
    EXPECT_THAT(walk(tree, recorder),
                ElementsAre("enter ", "child a", "child b", "child c", "child d", "child new", "listed ",
                            "failed a ELOOP (opening directory)", "failed b ENOTDIR (opening directory)",
                            "enter c", "child c/g", "listed c", "failed d ELOOP (opening directory)"));
}

/// A parent that becomes a link cannot lead the walk away either.
TEST(Walker, ReplacedParent) {
    TestTree tree;
    TestTree outside;
    outside.file("b/c/d/e/secret");
    tree.dir("a/b/c/d/e");
    tree.file("a/b2/f");
    Recorder recorder;
    recorder.on_enter = [&](const std::string& path) {
        if (path != "a/b/c/d/e") return;
        ASSERT_EQ(rename(tree.path("a").c_str(), tree.path("old").c_str()), 0);
        ASSERT_EQ(symlink(outside.path().c_str(), tree.path("a").c_str()), 0);
    };
    walk(tree, recorder);
    EXPECT_THAT(recorder.paths, testing::Not(testing::Contains(testing::HasSubstr("secret"))));
    EXPECT_EQ(recorder.lines.back(), "failed a/b2 ELOOP (opening directory)");
}

TEST(Walker, ErrorsForAnOrdinaryUser) {
    TestTree tree;
    tree.file("a/f");
    tree.file("b/f");
    tree.file("c/f");
    chmod(tree.path().c_str(), 0755);
    chmod(tree.path("a").c_str(), 0000);
    chmod(tree.path("b").c_str(), 0444);  // names can be read, but not examined
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        constexpr unsigned kNobody = 65534;
        if (getuid() == 0 && (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0))
            _exit(2);
        std::vector<std::string> expected = {"enter ",    "child a",
                                             "child b",   "child c",
                                             "listed ",   "failed a EACCES (opening directory)",
                                             "enter b",   "failed b/f EACCES (examining)",
                                             "listed b",  "enter c",
                                             "child c/f", "listed c"};
        std::vector<std::string> got = walk(tree);
        for (const std::string& line : got == expected ? std::vector<std::string>() : got)
            std::fprintf(stderr, "%s\n", line.c_str());
        _exit(got == expected ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    chmod(tree.path("a").c_str(), 0755);  // so that it can be removed
    chmod(tree.path("b").c_str(), 0755);
}

TEST(Walker, RootThatCannotBeRead) {
    TestTree tree;
    tree.file("f");
    Recorder recorder;
    Fd file = open_file(tree.path("f"), O_RDONLY);
    EXPECT_THROW(walk_tree(file.get(), "", {}, recorder), Error);
    EXPECT_THROW(walk_tree(-1, "", {}, recorder), Error);
    EXPECT_THAT(recorder.lines, IsEmpty());
}

TEST(Walker, CancelledIsAskedOnceADirectory) {
    TestTree tree;
    tree.file("a/f");
    tree.file("b/f");
    int asked = 0;
    Recorder all;
    walk_tree(tree.fd(), "", {}, all, [&] { return ++asked > 3; });
    EXPECT_EQ(asked, 3);
    Recorder some;
    asked = 0;
    try {
        walk_tree(tree.fd(), "", {}, some, [&] { return ++asked == 2; });
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Error::Kind::cancelled);
    }
    EXPECT_EQ(some.lines.back(), "listed ");
}

}  // namespace
}  // namespace icecore::scan
