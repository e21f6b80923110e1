// Restoring onto what is there: overwrite modes, mirror, links, attributes, and going on after kill -9.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using engine::Overwrite;
using engine::RestoreRequest;
using engine::RestoreResult;
using ::testing::ElementsAre;
using ::testing::EndsWith;

constexpr Timestamp kOld{1'000'000'000, 1};
constexpr Timestamp kRecorded{1'500'000'000, 123'456'789};

constexpr const char* kChild = "--child";

/// Kills its process when a restore has come so far.
class Killer final : public engine::Observer {
  public:
    explicit Killer(int after) : left_(after) {}
    void progress(const engine::Progress&) override {
        if (left_-- == 0) kill(getpid(), SIGKILL);
    }
    void warning(std::string_view) override {}

  private:
    int left_;
};

/// Restores run 2 of a set: data directory, backup directory, target, how often progress is told before it is
/// killed.
int restore_in_child(char** arguments) {
    int after = std::atoi(arguments[3]);
    SystemClock clock;
    auto fs = make_file_system();
    engine::Environment environment{clock, *fs, "host", "0.0.0-test", 2};
    engine::SetOptions set;
    set.name = "set";
    set.data_dir = arguments[0];
    set.backup_dir = arguments[1];
    Killer killer(after);
    try {
        auto catalog = engine::open_catalog(environment, set, killer);
        RestoreRequest request{.at = 2, .to = arguments[2]};
        request.overwrite = after % 2 == 0 ? Overwrite::always : Overwrite::older;
        RestoreResult result = engine::restore(environment, set, *catalog, request, killer);
        std::fputs(join_lines(result.problems.lines()).c_str(), stderr);
        return result.problems.empty() ? 0 : 3;
    } catch (const Error& e) {
        std::fputs(e.what(), stderr);
        return 1;
    }
}

class RestoreOver : public ::testing::Test {
  protected:
    RestoreOver() {
        tree_.file("a/one", "one");
        tree_.file("a/two", "second");
        tree_.file("a/deep/three", noise(3 << 20, 1));
        tree_.symlink("a/link", "one");
        tree_.file("b/four", "");
        tree_.dir("empty");
        for (const char* path : {"a/one", "a/two", "a/deep/three", "a/link", "b/four"})
            tree_.set_mtime(path, kRecorded);
        runs_.backup();
        source_ = snapshot_tree(tree_.root());
    }

    RestoreResult restore(Overwrite overwrite, bool mirror = false, std::vector<std::string> paths = {}) {
        RestoreRequest request{
            .at = runs_.catalog()->last_run()->number(), .paths = std::move(paths), .to = to_};
        request.overwrite = overwrite;
        request.mirror = mirror;
        auto catalog = runs_.catalog();
        return engine::restore(runs_.environment(), runs_.set, *catalog, request, runs_.observer);
    }
    /// A first, whole restore, to be changed then.
    Tree restored() {
        EXPECT_TRUE(restore(Overwrite::never).problems.empty());
        return Tree(to_);
    }
    std::string wrong() const { return join_lines(differences(source_, snapshot_tree(to_), compare())); }
    static CompareOptions compare() {
        CompareOptions options;
        options.ignore_owner = geteuid() != 0;
        return options;
    }
    std::string content(const std::string& path) const { return read_file(join_path(to_, path)); }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
    std::string to_ = runs_.temp() / "to";
    TreeSnapshot source_;
};

TEST_F(RestoreOver, NeverLeavesAndReports) {
    Tree there = restored();
    there.file("a/one", "mine");
    RestoreResult result = restore(Overwrite::never);
    EXPECT_EQ(result.problems.count(), 5U) << join_lines(result.problems.lines());
    EXPECT_THAT(result.problems.lines()[0], EndsWith("is left as it is"));
    EXPECT_EQ(result.counts.files, 0U);
    EXPECT_EQ(content("a/one"), "mine");
}

TEST_F(RestoreOver, OlderKeepsWhatIsNewer) {
    Tree there = restored();
    there.file("a/one", "mine, newer");
    there.file("a/two", "older!");
    there.set_mtime("a/two", kOld);
    there.file("b/four", "same time, other size");
    there.set_mtime("b/four", kRecorded);
    RestoreResult result = restore(Overwrite::older);
    EXPECT_EQ(join_lines(result.problems.lines()), "");
    EXPECT_EQ(result.counts.kept, 1U);
    EXPECT_EQ(result.counts.files, 2U);
    EXPECT_EQ(result.counts.unchanged, 2U);
    EXPECT_EQ(content("a/one"), "mine, newer");
    EXPECT_EQ(content("a/two"), "second");
    EXPECT_EQ(content("b/four"), "");
}

TEST_F(RestoreOver, AlwaysReplacesWhatDiffersAndReadsNothingElse) {
    Tree there = restored();
    there.file("a/one", "mine, newer");
    there.remove("a/link");
    there.symlink("a/link", "two");
    there.set_mtime("a/link", kRecorded);
    ASSERT_EQ(chmod((there / "a/two").c_str(), 0600), 0);
    there.file("extra", "stays");
    RestoreResult result = restore(Overwrite::always);
    EXPECT_EQ(join_lines(result.problems.lines()), "");
    EXPECT_EQ(result.counts.files, 3U);
    EXPECT_EQ(result.counts.unchanged, 2U);
    EXPECT_EQ(content("extra"), "stays");
    there.remove("extra");
    restore(Overwrite::always);  // the root's time
    EXPECT_EQ(wrong(), "");
    RestoreResult again = restore(Overwrite::always);
    EXPECT_EQ(again.counts.files, 0U);
    EXPECT_EQ(again.counts.unchanged, 5U);
    EXPECT_EQ(again.stored_bytes_read, 0U);
}

TEST_F(RestoreOver, AFileInPlaceOfADirectoryGivesWay) {
    Tree there = restored();
    there.remove("a");
    there.file("a", "a file");
    there.remove("b");
    there.symlink("b", runs_.temp().make_dir("outside"));
    RestoreResult older = restore(Overwrite::older);
    EXPECT_EQ(older.problems.count(), 2U) << join_lines(older.problems.lines());
    EXPECT_EQ(content("a"), "a file");
    RestoreResult result = restore(Overwrite::always);
    EXPECT_EQ(join_lines(result.problems.lines()), "");
    EXPECT_EQ(wrong(), "");
    EXPECT_TRUE(list_directory(runs_.temp() / "outside").empty());
}

TEST_F(RestoreOver, ADirectoryInPlaceOfAFileGivesWayIfEmptyOrMirrored) {
    Tree there = restored();
    there.remove("a/one");
    there.dir("a/one");
    there.remove("a/two");
    there.file("a/two/x/y/z", "mine");
    there.symlink("a/two/x/out", "/");
    EXPECT_EQ(restore(Overwrite::older).problems.count(), 2U);
    RestoreResult result = restore(Overwrite::always);
    EXPECT_THAT(result.problems.lines(), ElementsAre("a/two: a directory that is not empty is in its place"));
    EXPECT_EQ(content("a/one"), "one");
    EXPECT_EQ(content("a/two/x/y/z"), "mine");
    EXPECT_EQ(join_lines(restore(Overwrite::always, true).problems.lines()), "");
    EXPECT_EQ(wrong(), "");
}

TEST_F(RestoreOver, AMirrorHasNothingElse) {
    Tree there = restored();
    there.file("a/extra", "");
    there.file("a/sub/x/y", "");
    there.file("top", "");
    there.symlink("empty/etc", "/etc");
    RestoreResult result = restore(Overwrite::always, true, {"a", "b/four"});
    EXPECT_EQ(result.removed, 4U);
    EXPECT_TRUE(path_exists(there / "top")) << "only what was asked for is mirrored";
    result = restore(Overwrite::always, true);
    EXPECT_EQ(join_lines(result.problems.lines()), "");
    EXPECT_EQ(result.removed, 2U);
    EXPECT_EQ(wrong(), "");
    EXPECT_TRUE(path_exists("/etc/passwd"));
}

TEST_F(RestoreOver, AMirrorDeletesNothingIfSomethingIsLost) {
    Tree there = restored();
    there.file("extra", "");
    there.remove("a/one");
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        if (name.ends_with(".tar.zst")) Tree(runs_.set.backup_dir).remove(name);
    RestoreResult result = restore(Overwrite::always, true);
    EXPECT_EQ(result.problems.count(), 1U);
    EXPECT_EQ(result.removed, 0U);
    EXPECT_TRUE(path_exists(there / "extra"));
    EXPECT_THAT(runs_.observer.warnings, ElementsAre(::testing::HasSubstr("nothing is deleted")));
}

TEST_F(RestoreOver, WhatIsMountedIsNotDeleted) {
    Tree there = restored();
    there.dir("extra/mounted");
    if (mount("none", (there / "extra/mounted").c_str(), "tmpfs", 0, nullptr) != 0)
        GTEST_SKIP() << "may not mount";
    there.file("extra/mounted/precious", "");
    RestoreResult result = restore(Overwrite::always, true);
    bool precious = path_exists(there / "extra/mounted/precious");
    umount((there / "extra/mounted").c_str());
    EXPECT_TRUE(precious);
    EXPECT_THAT(result.problems.lines(), ElementsAre(EndsWith("something is mounted there")));
}

TEST_F(RestoreOver, AFileThatCannotBeRestoredIsNotLost) {
    Tree there = restored();
    there.file("a/deep/three", "the only copy");
    there.file("a/one", "the only copy");
    std::string volume =
        join_path(runs_.set.backup_dir, runs_.catalog()->last_run()->trailer.volumes[0].name);
    std::string bytes = read_file(volume);
    for (std::size_t at = 100; at < bytes.size(); at += 50'000) bytes[at] ^= 0x10;
    Tree(runs_.set.backup_dir).file(std::string(base_name(volume)), bytes);
    RestoreResult result = restore(Overwrite::always);
    EXPECT_EQ(result.problems.count(), 2U) << join_lines(result.problems.lines());
    EXPECT_EQ(content("a/deep/three"), "the only copy");
    EXPECT_EQ(content("a/one"), "the only copy");
    EXPECT_EQ(list_directory(there / "a/deep").size(), 1U) << "no temporary file is left";
}

TEST_F(RestoreOver, DirectoriesGetTheRecordedAttributesAndNoOthers) {
    Tree there = restored();
    ASSERT_EQ(chmod((there / "a").c_str(), 0711), 0);
    ASSERT_EQ(chmod((there / "b").c_str(), 0500), 0);
    bool xattr = lsetxattr((there / "a").c_str(), "user.extra", "x", 1, 0) == 0;
    bool acl = run_command({"setfacl", "-R", "-d", "-m", "u:7:rwx,g:8:r-x", to_}).status == 0;
    there.remove("a/one");
    there.remove("a/deep");
    there.remove("b/four");
    RestoreResult result = restore(Overwrite::always);
    EXPECT_EQ(join_lines(result.problems.lines()), "");
    EXPECT_EQ(wrong(), "") << "xattr " << xattr << ", default ACLs " << acl;
    // On the way to what is asked for, directories stay as they are; what is made in them inherits nothing.
    there.remove("a/one");
    run_command({"setfacl", "-d", "-m", "u:7:rwx", there / "a"});
    EXPECT_EQ(join_lines(restore(Overwrite::never, false, {"a/one"}).problems.lines()), "");
    EXPECT_TRUE(snapshot_tree(to_).entries.at("a/one").xattrs == source_.entries.at("a/one").xattrs);
}

TEST_F(RestoreOver, LeftoversOfAKilledRestoreAreRemoved) {
    Tree there = restored();
    // No process has this number: it is above the kernel's limit.
    for (const char* dir : {"", "a", "a/deep", "b"})
        there.file(join_path(dir, ".icecore-restore-99999999-7"), "left");
    there.file("a/.icecore-restore-1x-7", "a user's");
    there.file("a/.icecore-restore-" + std::to_string(getppid()) + "-1", "somebody's who runs");
    restore(Overwrite::always);
    EXPECT_THAT(list_directory(there / "a").size(), 4U + 2U);
    EXPECT_EQ(list_directory(to_).size(), 3U);
    there.file("b/.icecore-restore-99999999-7", "left");
    restore(Overwrite::always, false, {"b/four"});
    EXPECT_EQ(list_directory(there / "b").size(), 1U);
}

TEST_F(RestoreOver, HardLinksEndUpRight) {
    tree_.file("g/1", "group");
    tree_.link("g/1", "g/2");
    tree_.link("g/1", "h/3");
    tree_.file("g/single", "group");
    for (const char* path : {"g/1", "g/single"}) tree_.set_mtime(path, kRecorded);
    runs_.backup();
    source_ = snapshot_tree(tree_.root());
    Tree there = restored();
    EXPECT_EQ(wrong(), "");
    EXPECT_EQ(restore(Overwrite::always).counts.files, 0U);
    EXPECT_EQ(restore(Overwrite::always, false, {"g/2"}).counts.unchanged, 1U);
    EXPECT_EQ(wrong(), "") << "the others' links stay";
    auto relinked = [&](const std::string& existing, const std::string& path) {
        there.remove(path);
        there.link(existing, path);
    };
    using Change = std::function<void()>;
    std::vector<Change> changes = {
        [&] { there.remove("g/2"); },
        [&] { there.remove("h/3"), there.file("h/3", "group"), there.set_mtime("h/3", kRecorded); },
        [&] { relinked("g/single", "g/2"); },
        [&] { relinked("g/1", "g/single"); },
        [&] { there.link("g/1", "elsewhere"); },
        [&] { relinked("g/1", "g/single"), relinked("h/3", "a/one"), there.remove("g/1"); },
        [&] { there.remove("g/1"), there.dir("g/1"); },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        changes[i]();
        EXPECT_EQ(join_lines(restore(Overwrite::always, true).problems.lines()), "") << i;
        EXPECT_EQ(wrong(), "") << "change " << i;
    }
}

TEST_F(RestoreOver, ARestoreThatIsKilledGoesOn) {
    for (int i = 0; i < 300; ++i) tree_.file(format("many/{}/{}", i % 7, i), noise(20'000, 5));
    tree_.file("large", noise(20 << 20, 6));
    runs_.backup();
    source_ = snapshot_tree(tree_.root());
    int status = 0;
    for (int after = 0; status == 0 && after < 50; ++after) {
        CommandResult child = run_command(
            {"/proc/self/exe", kChild, runs_.set.data_dir, runs_.set.backup_dir, to_, std::to_string(after)});
        if (child.status == 128 + SIGKILL) continue;
        EXPECT_EQ(child.status, 0) << child.err;
        status = -1;
        EXPECT_GT(after, 1) << "it was killed, and more than once";
    }
    EXPECT_EQ(status, -1) << "it ends";
    EXPECT_EQ(wrong(), "");
}

}  // namespace
}  // namespace icecore::testing

int main(int argc, char** argv) {
    if (argc == 6 && std::string_view(argv[1]) == icecore::testing::kChild)
        return icecore::testing::restore_in_child(argv + 2);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
