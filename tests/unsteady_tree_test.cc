// What changes, vanishes or cannot be read between the scan and the packing costs no more than itself.

#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <functional>
#include <set>
#include <sstream>

#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

/// What a bad disk does not give: content and attributes of these paths. Set before a run, not while it runs.
std::set<std::string> unreadable;  // NOLINT: the system calls below have no other way to know

bool is_unreadable(int fd, const std::string& name = {}) {
    char path[PATH_MAX];
    ssize_t length = readlink(format("/proc/self/fd/{}", fd).c_str(), path, sizeof path);
    if (length <= 0) return false;
    std::string whole(path, static_cast<std::size_t>(length));
    return unreadable.contains(name.empty() ? whole : join_path(whole, name));
}

template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));  // NOLINT: that is how dlsym is used
}

}  // namespace
}  // namespace icecore::testing

// In front of the C library's.
extern "C" ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
    if (!icecore::testing::is_unreadable(fd))
        return icecore::testing::next<decltype(pread)>("pread")(fd, buffer, size, offset);
    errno = EIO;
    return -1;
}
extern "C" ssize_t llistxattr(const char* path, char* names, size_t size) noexcept {
    std::string_view at = path;
    if (at.starts_with("/proc/self/fd/")) {
        at.remove_prefix(sizeof "/proc/self/fd/" - 1);
        if (icecore::testing::is_unreadable(std::atoi(std::string(at.substr(0, at.find('/'))).c_str()),
                                            std::string(at.substr(at.find('/') + 1)))) {
            errno = EIO;
            return -1;
        }
    }
    return icecore::testing::next<decltype(llistxattr)>("llistxattr")(path, names, size);
}
extern "C" ssize_t flistxattr(int fd, char* names, size_t size) noexcept {
    if (!icecore::testing::is_unreadable(fd))
        return icecore::testing::next<decltype(flistxattr)>("flistxattr")(fd, names, size);
    errno = EIO;
    return -1;
}

namespace icecore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Changes the tree when the scan is done and nothing is packed yet.
class BetweenScanAndPack final : public engine::Observer {
  public:
    explicit BetweenScanAndPack(std::function<void()> act) : act_(std::move(act)) {}
    void progress(const engine::Progress& progress) override {
        if (progress.phase == engine::Progress::Phase::planning && act_) std::exchange(act_, {})();
    }
    void warning(std::string_view) override {}

  private:
    std::function<void()> act_;
};

class UnsteadyTree : public ::testing::Test {
  protected:
    ~UnsteadyTree() override { unreadable.clear(); }

    /// A run during which `act` changes the tree; it leaves the root the time that the scan saw.
    engine::BackupResult backup_while(const std::function<void()>& act) {
        BetweenScanAndPack observer([&] {
            FileStat root;
            ASSERT_TRUE(stat_at(AT_FDCWD, tree_.root().c_str(), root));
            act();
            timespec times[2] = {{0, UTIME_OMIT}, {root.mtime.sec, static_cast<long>(root.mtime.nsec)}};
            ASSERT_EQ(utimensat(AT_FDCWD, tree_.root().c_str(), times, 0), 0);
        });
        return engine::run_backup(runs_.environment(), runs_.set, {}, observer);
    }

    /// What the run's log says of problems.
    std::string problems(const engine::BackupResult& result) {
        engine::ArchiveNames names =
            engine::make_archive_names(runs_.set.name, result.header.run, result.header.kind,
                                       result.header.started, runs_.set.compression.method);
        std::string out;
        std::istringstream log(read_file(join_path(runs_.set.backup_dir, names.log)));
        for (std::string line; std::getline(log, line);)
            if (line.starts_with("problem ")) out.append(line).append("\n");
        return out;
    }

    void replace(const std::string& path, std::string_view content) {
        tree_.file(".new", content);
        tree_.rename(".new", path);
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

class LinkedFile : public UnsteadyTree, public ::testing::WithParamInterface<std::size_t> {
  protected:
    std::string content(std::uint32_t seed) const { return noise(GetParam(), seed); }
};

TEST_P(LinkedFile, TheFirstOfItsNamesIsReplaced) {
    tree_.file("n1", content(1));
    tree_.link("n1", "n2");
    tree_.link("n1", "n3");
    engine::BackupResult result = backup_while([&] { replace("n1", content(2)); });
    EXPECT_EQ(result.trailer.counts.errors, 0U);
    // That is the tree as packed: n1 another file, n2 and n3 still one.
    runs_.check(result, snapshot_tree(runs_.set.data_dir));
    runs_.run();
}

TEST_P(LinkedFile, TheFirstOfItsNamesIsReplacedInALaterRun) {
    tree_.file("n1", content(1));
    tree_.file("n2", "another file");
    runs_.run();
    tree_.remove("n1");
    tree_.remove("n2");
    tree_.file("n1", content(2));
    tree_.link("n1", "n2");
    engine::BackupResult result = backup_while([&] { replace("n1", content(3)); });
    runs_.check(result, snapshot_tree(runs_.set.data_dir));
    runs_.run();
}

TEST_P(LinkedFile, TheFirstOfItsNamesVanishes) {
    tree_.file("n1", content(1));
    tree_.link("n1", "n2");
    tree_.link("n1", "n3");
    engine::BackupResult result = backup_while([&] { tree_.remove("n1"); });
    EXPECT_EQ(result.trailer.counts.errors, 0U);
    runs_.check(result, snapshot_tree(runs_.set.data_dir));
    runs_.run();
}

TEST_P(LinkedFile, AllOfItsNamesVanish) {
    tree_.file("stays", "x");
    tree_.file("n1", content(1));
    tree_.link("n1", "n2");
    engine::BackupResult result = backup_while([&] {
        tree_.remove("n1");
        tree_.remove("n2");
    });
    EXPECT_EQ(result.trailer.counts.errors, 0U);
    runs_.check(result, snapshot_tree(runs_.set.data_dir));
}

INSTANTIATE_TEST_SUITE_P(Sizes, LinkedFile, ::testing::Values(0, 100, 3 << 20),
                         [](const auto& size) { return format("Bytes{}", size.param); });

TEST_F(UnsteadyTree, ALinkedFileGrowsLarge) {
    tree_.file("n1", "small");
    tree_.link("n1", "n2");
    engine::BackupResult result = backup_while([&] { tree_.file("n1", noise(3 << 20, 1)); });
    runs_.check(result, snapshot_tree(runs_.set.data_dir));
    runs_.run();
}

TEST_F(UnsteadyTree, ALinkedFifoVanishes) {
    tree_.file("stays", "x");
    ASSERT_EQ(mkfifo((tree_ / "n1").c_str(), 0600), 0);
    tree_.link("n1", "n2");
    tree_.link("n1", "n3");
    engine::BackupResult result = backup_while([&] {
        tree_.remove("n1");
        tree_.remove("n2");
    });
    EXPECT_EQ(result.trailer.counts.errors, 0U);
    runs_.check(result, snapshot_tree(runs_.set.data_dir));
    runs_.run();
}

TEST_F(UnsteadyTree, ADamagedLinkedFileIsAProblemOfItsOwn) {
    tree_.file("good", "x");
    tree_.file("bad1", "lost");
    tree_.link("bad1", "bad2");
    unreadable = {tree_ / "bad1", tree_ / "bad2"};
    engine::BackupResult result = runs_.backup();
    EXPECT_EQ(result.trailer.counts.errors, 2U);
    EXPECT_THAT(problems(result), AllOf(HasSubstr("bad1: "), HasSubstr("bad2: ")));
    std::map<std::string, archive::ManifestEntry> entries = runs_.entries(result);
    EXPECT_TRUE(entries.contains("good"));
    EXPECT_FALSE(entries.contains("bad2"));
    EXPECT_EQ(runs_.backup().trailer.counts.errors, 2U);
    unreadable.clear();
    engine::BackupResult healed = runs_.backup({.full = true});
    runs_.check(healed, snapshot_tree(runs_.set.data_dir));
}

TEST_F(UnsteadyTree, NothingLinksToTheOlderFileOfADamagedOnesName) {
    tree_.file("n1", "quite another, older file");
    runs_.run();
    tree_.remove("n1");
    tree_.file("n1", "lost");
    tree_.link("n1", "n2");
    unreadable = {tree_ / "n1", tree_ / "n2"};
    engine::BackupResult result = runs_.backup();
    EXPECT_EQ(result.trailer.counts.errors, 2U);
    EXPECT_FALSE(runs_.catalog()->lookup(2, "n2").has_value());
    runs_.extract(result);
    EXPECT_NE(access((runs_.bare + "/n2").c_str(), F_OK), 0);
    unreadable.clear();
    runs_.run();
}

/// A directory, a symbolic link and a fifo whose attributes the disk does not give: each is a problem, is
/// stored with those that are known, and looked at again.
TEST_F(UnsteadyTree, AttributesThatCannotBeReadAreAProblemOfTheirOwn) {
    tree_.file("dir/inside", "x");
    tree_.symlink("link", "target");
    ASSERT_EQ(mkfifo((tree_ / "fifo").c_str(), 0600), 0);
    std::set<std::string> bad = {tree_ / "dir", tree_ / "link", tree_ / "fifo"};
    if (setxattr((tree_ / "dir").c_str(), "user.x", "y", 1, 0) != 0) GTEST_SKIP() << "no attributes here";
    unreadable = bad;
    engine::BackupResult first = runs_.backup();
    EXPECT_EQ(first.trailer.counts.errors, 3U);
    EXPECT_THAT(problems(first), AllOf(HasSubstr("dir: listing extended attributes: Input/output error"),
                                       HasSubstr("link: "), HasSubstr("fifo: ")));
    unreadable.clear();
    engine::BackupResult second = runs_.backup();
    runs_.extract(first);
    runs_.check(second, snapshot_tree(runs_.set.data_dir));
    EXPECT_EQ(runs_.entries(second).at("dir").metadata.xattrs.size(), 1U);

    // What is known stays, also of what has changed since.
    ASSERT_EQ(chmod((tree_ / "dir").c_str(), 0711), 0);
    unreadable = bad;
    engine::BackupResult third = runs_.backup();
    EXPECT_EQ(third.trailer.counts.errors, 1U);
    EXPECT_EQ(runs_.entries(third).at("dir").metadata.xattrs.size(), 1U);
    EXPECT_EQ(runs_.entries(third).at("dir").stat.mode, 0711U);
    runs_.extract(third);
    unreadable.clear();
    ASSERT_EQ(removexattr((tree_ / "dir").c_str(), "user.x"), 0);
    runs_.run();
}

/// The attributes of a directory whose parent was renamed before it was packed are not lost.
TEST_F(UnsteadyTree, AProblemOfTheDataDirectoryItselfIsToldOfADot) {
    tree_.file("inside", "x");
    if (setxattr(tree_.root().c_str(), "user.x", "y", 1, 0) != 0) GTEST_SKIP() << "no attributes here";
    unreadable = {tree_.root()};
    engine::BackupResult result = runs_.backup();
    EXPECT_EQ(result.trailer.counts.errors, 1U);
    EXPECT_THAT(runs_.observer.warnings,
                ElementsAre(StartsWith(".: listing extended attributes: Input/output error")));
}

TEST_F(UnsteadyTree, ADirectoryThatCannotBeOpenedIsLookedAtAgain) {
    tree_.file("p/child/inside", "x");
    if (setxattr((tree_ / "p/child").c_str(), "user.x", "y", 1, 0) != 0) GTEST_SKIP() << "no attributes here";
    engine::BackupResult first = backup_while([&] { tree_.rename("p", "q"); });
    EXPECT_THAT(problems(first), HasSubstr("p/child: vanished before it was read"));
    runs_.extract(first);
    runs_.run();
    EXPECT_EQ(runs_.catalog()->lookup(2, "q/child")->metadata.empty(), false);
    EXPECT_FALSE(runs_.catalog()->lookup(2, "q/child")->racy);
}

/// tar takes none away, and the next run must still know that.
TEST_F(UnsteadyTree, ADirectoryLosesAnAttributeAfterTheScan) {
    tree_.file("dir/inside", "x");
    if (setxattr((tree_ / "dir").c_str(), "user.x", "y", 1, 0) != 0) GTEST_SKIP() << "no attributes here";
    runs_.run();
    ASSERT_EQ(chmod((tree_ / "dir").c_str(), 0700), 0);
    runs_.extract(backup_while([&] { ASSERT_EQ(removexattr((tree_ / "dir").c_str(), "user.x"), 0); }));
    runs_.run();
    EXPECT_FALSE(runs_.catalog()->lookup(3, "dir")->racy);
}

TEST_F(UnsteadyTree, ADirectoryTakesThePlaceOfAnother) {
    tree_.file("p/child/inside", "x");
    tree_.file("other/child/inside", "y");
    if (setxattr((tree_ / "p/child").c_str(), "user.x", "y", 1, 0) != 0) GTEST_SKIP() << "no attributes here";
    runs_.extract(backup_while([&] {
        tree_.rename("p", "q");
        tree_.rename("other", "p");
    }));
    runs_.run();
}

/// Acts when the scan, begun again, is on its way.
class WhileScanningAgain final : public engine::Observer {
  public:
    explicit WhileScanningAgain(std::function<void()> act) : act_(std::move(act)) {}
    void progress(const engine::Progress& progress) override {
        if (progress.phase == engine::Progress::Phase::scanning && ++calls_ == 2) act_();
    }
    void warning(std::string_view) override {}
    int calls() const { return calls_; }

  private:
    std::function<void()> act_;
    int calls_ = 0;
};

class MovedDirectoryVanishes : public UnsteadyTree {
  protected:
    /// b moves to y/z, and another b takes its place. The first scan pairs the two b, finds y/z and begins
    /// again; then y/z is gone.
    void SetUp() override {
        for (int i = 0; i < 1100; ++i) tree_.file(format("a/{}", i), "");
        tree_.file("b/old1", "1");
        tree_.file("b/sub/old2", "2");
        tree_.file("b/same", "3");
        tree_.dir("y");
        setxattr((tree_ / "b").c_str(), "user.old", "x", 1, 0);
        runs_.run();
        tree_.rename("b", "y/z");
        tree_.file("b/new", "n");
        tree_.file("b/same", "another");
    }

    void run_while(const std::function<void()>& act) {
        WhileScanningAgain observer(act);
        engine::BackupResult result = engine::run_backup(runs_.environment(), runs_.set, {}, observer);
        EXPECT_GE(observer.calls(), 2) << "the scan has begun again";
        runs_.check(result, snapshot_tree(runs_.set.data_dir));
        EXPECT_FALSE(runs_.catalog()->lookup(result.header.run, "b/old1").has_value());
    }
};

TEST_F(MovedDirectoryVanishes, ForGood) {
    run_while([&] { tree_.remove("y/z"); });
    runs_.run();
}

TEST_F(MovedDirectoryVanishes, AndAPartOfItComesBack) {
    std::string out = runs_.temp().path() + "/out";
    run_while([&] { ASSERT_EQ(rename((tree_ / "y/z").c_str(), out.c_str()), 0); });
    ASSERT_EQ(rename((out + "/sub").c_str(), (tree_ / "q").c_str()), 0);
    runs_.run();
}

TEST_F(MovedDirectoryVanishes, ButForWhatMovesIntoTheNewOne) {
    run_while([&] {
        tree_.rename("y/z/sub", "b/moved");
        tree_.remove("y/z");
    });
    runs_.run();
}

}  // namespace
}  // namespace icecore::testing
