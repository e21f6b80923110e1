// What the rules leave out is in no archive and no restore, and stands once in the log.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Filters : public ::testing::Test {
  protected:
    /// Runs; the run's tree must be the directory's less `left_out`. Returns the log.
    std::string run_without(const std::vector<std::string>& left_out) {
        engine::BackupResult result = runs_.backup();
        EXPECT_EQ(result.trailer.counts.errors, 0U) << join_lines(runs_.observer.warnings);
        TreeSnapshot source = snapshot_tree(tree_.root());
        std::erase_if(source.entries, [&](const auto& entry) {
            return std::any_of(left_out.begin(), left_out.end(),
                               [&](const std::string& path) { return is_below(entry.first, path); });
        });
        runs_.check(result, source);
        wait_for_next_tick(runs_.temp().path());
        return read_file(result.log_file);
    }

    static std::size_t lines_with(const std::string& text, std::string_view what) {
        std::size_t count = 0;
        for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
        return count;
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

TEST_F(Filters, ExcludedFilesDisappearFromTheSnapshot) {
    tree_.file("keep.txt", "x");
    tree_.file("a/drop.tmp", "x");
    tree_.file("a/keep.txt", "x");
    tree_.file("cache/deep/inside", "x");
    tree_.file("a/cache/kept", "only the one in the root is meant");
    runs_.run();
    runs_.set.filters.exclude = {"*.tmp", "/cache/"};
    for (int i = 0; i < 2; ++i) {
        std::string log = run_without({"a/drop.tmp", "cache"});
        EXPECT_EQ(lines_with(log, "excluded"), 3U) << "two names and the total: " << log;
        EXPECT_THAT(log, HasSubstr("exclude: *.tmp"));
        EXPECT_THAT(log, HasSubstr("exclude: /cache/"));
        if (i == 1) {
            EXPECT_THAT(log, Not(HasSubstr("deep"))) << "what lies below is not told";
        }
        tree_.file("a/drop.tmp", "changes of what is left out make no difference");
        if (i == 0) tree_.remove("cache/deep");
    }
    runs_.set.filters.exclude = {};
    runs_.run();
}

TEST_F(Filters, BackupIgnoreFiles) {
    tree_.file(".backupignore", "*.o\n!important.o\n");
    tree_.file("a/x.o", "x");
    tree_.file("a/important.o", "x");
    tree_.file("a/b/.backupignore", "important.o\n/local\n");
    tree_.file("a/b/important.o", "x");
    tree_.file("a/b/local/file", "x");
    std::string log = run_without({"a/x.o", "a/b/important.o", "a/b/local"});
    EXPECT_THAT(log, HasSubstr("*.o"));
    tree_.remove(".backupignore");
    run_without({"a/b/important.o", "a/b/local"});
}

TEST_F(Filters, CacheDirectories) {
    tree_.file("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test\n");
    tree_.file("cache/big", "x");
    tree_.file("cache/sub/file", "x");
    tree_.file("no cache/CACHEDIR.TAG", "something else");
    tree_.file("no cache/file", "x");
    EXPECT_THAT(run_without({"cache/big", "cache/sub"}), HasSubstr("CACHEDIR.TAG"));
    tree_.remove("cache/CACHEDIR.TAG");
    runs_.run();
}

TEST_F(Filters, NodumpAttribute) {
    tree_.file("kept", "x");
    tree_.file("left out", "x");
    tree_.file("dir/inside", "x");
    if (run_command({"chattr", "+d", tree_ / "left out", tree_ / "dir"}).status != 0)
        GTEST_SKIP() << "no such attribute here";
    EXPECT_THAT(run_without({"left out", "dir"}), HasSubstr("nodump attribute"));
    runs_.set.filters.exclude_nodump = false;
    runs_.run();
}

TEST_F(Filters, LargeFiles) {
    tree_.file("small", noise(1000, 1));
    tree_.file("grows", noise(1000, 2));
    tree_.file("large", noise(100'000, 3));
    runs_.set.filters.max_file_size_bytes = 50'000;
    EXPECT_THAT(run_without({"large"}), HasSubstr("max_file_size"));
    tree_.file("grows", noise(60'000, 4));
    run_without({"large", "grows"});
    tree_.file("large", "not any more");
    run_without({"grows"});
}

TEST_F(Filters, Sockets) {
    tree_.file("file", "x");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (tree_ / "socket").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_THAT(run_without({"socket"}), HasSubstr("socket"));
    close(fd);
}

TEST_F(Filters, OneFileSystem) {
    tree_.file("file", "x");
    tree_.dir("mounted");
    if (mount("tmpfs", (tree_ / "mounted").c_str(), "tmpfs", 0, "size=1m") != 0)
        GTEST_SKIP() << "mounting is not permitted";
    tree_.file("mounted/inside/file", "x");
    runs_.run();
    runs_.set.filters.one_file_system = true;
    run_without({"mounted/inside"});
    umount2((tree_ / "mounted").c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace icecore::testing
