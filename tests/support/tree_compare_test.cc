#include "support/tree_compare.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "support/directory.h"
#include "support/tar_oracle.h"

namespace icecore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void must(int rc) {
    if (rc != 0) throw_errno("preparing a test");
}

void put(const std::string& path, std::string_view content) {
    write_full(open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644).get(), content);
}

void set_mtime(const std::string& path, time_t sec, long nsec) {
    timespec times[2] = {{0, UTIME_OMIT}, {sec, nsec}};
    must(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
}

bool set_xattr(const std::string& path, const char* name, std::string_view value) {
    return lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
}

/// Two copies of one tree: each test changes one and looks at what is noticed.
class TreeCompareTest : public ::testing::Test {
  protected:
    TreeCompareTest() {
        dir.make_dir("e");
        dir.make_dir("e/sub");
        put(dir / "e/file", "one");
        put(dir / "e/sub/other", std::string(5000, 'x'));
        put(dir / "e/linked", "l");
        must(link((dir / "e/linked").c_str(), (dir / "e/sub/linked too").c_str()));
        must(symlink("file", (dir / "e/symlink").c_str()));
        must(mkfifo((dir / "e/fifo").c_str(), 0600));
        for (const char* name : {"fifo", "file", "linked", "symlink", "sub/other", "sub", ""})
            set_mtime(dir / "e/" + name, 13, 0);
        EXPECT_EQ(run_command({"cp", "-a", dir / "e", dir / "a"}).status, 0);
    }

    std::vector<std::string> compare(const CompareOptions& options = {}) {
        return differences(snapshot_tree(dir / "e"), snapshot_tree(dir / "a"), options);
    }

    /// The same after `path` and its directory got their old times back, so that only the other differences
    /// are left.
    std::vector<std::string> compare_untimed(std::string_view path) {
        set_mtime(dir / "a/" + std::string(path), 13, 0);
        set_mtime(dir / "a", 13, 0);
        set_mtime(dir / "a/sub", 13, 0);
        return compare();
    }

    TempDir dir;
};

TEST_F(TreeCompareTest, CopyIsEqual) {
    EXPECT_THAT(compare(), IsEmpty());
    EXPECT_EQ(snapshot_tree(dir / "e").entries.size(), 8U);
}

TEST_F(TreeCompareTest, PlainContentHasPlainDigest) {
    EXPECT_EQ(snapshot_tree(dir / "e").entries.at("file").content, sha256("one"));
}

TEST_F(TreeCompareTest, Content) {
    put(dir / "a/file", "two");
    std::vector<std::string> lines = compare_untimed("file");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0], HasSubstr("file: content " + sha256("one").hex().substr(0, 12) + " != "));
}

TEST_F(TreeCompareTest, Size) {
    put(dir / "a/file", "three");
    EXPECT_THAT(compare_untimed("file"), ElementsAre("file: size 3 != 5"));
}

TEST_F(TreeCompareTest, Mode) {
    must(chmod((dir / "a/file").c_str(), 04755));
    must(chmod((dir / "a/sub").c_str(), 0700));
    EXPECT_THAT(compare(), ElementsAre("file: mode 0644 != 4755", "sub: mode 0755 != 0700"));
}

TEST_F(TreeCompareTest, Mtime) {
    set_mtime(dir / "a/file", 12, 500'000'000);
    set_mtime(dir / "a/symlink", 13, 1);
    set_mtime(dir / "a/sub", -2, 500'000'000);
    set_mtime(dir / "a", 14, 0);
    EXPECT_THAT(compare(), ElementsAre(".: mtime 13.0 != 14.0", "file: mtime 13.0 != 12.5",
                                       "sub: mtime 13.0 != -1.5", "symlink: mtime 13.0 != 13.000000001"));
    CompareOptions options;
    options.ignore_root_mtime = true;
    EXPECT_EQ(compare(options).size(), 3U);
}

TEST_F(TreeCompareTest, Owner) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    must(lchown((dir / "a/symlink").c_str(), 5, 6));
    EXPECT_THAT(compare(), ElementsAre("symlink: uid 0 != 5", "symlink: gid 0 != 6"));
    CompareOptions options;
    options.ignore_owner = true;
    EXPECT_THAT(compare(options), IsEmpty());
}

TEST_F(TreeCompareTest, LinkTarget) {
    must(unlink((dir / "a/symlink").c_str()));
    must(symlink("fila\n", (dir / "a/symlink").c_str()));
    EXPECT_THAT(compare_untimed("symlink"), ElementsAre("symlink: target file != fila\\x0a"));
}

TEST_F(TreeCompareTest, MissingNamesAreCountedOnce) {
    must(rename((dir / "a/sub").c_str(), (dir / "a/sub2").c_str()));
    put(dir / "a/new", "");
    set_mtime(dir / "a", 13, 0);
    EXPECT_THAT(compare(),
                ElementsAre("linked, sub/linked too: hard-linked in expected only",
                            "linked, sub2/linked too: hard-linked in actual only", "new: file in actual only",
                            "sub: directory in expected only, with 2 names below it",
                            "sub2: directory in actual only, with 2 names below it"));
}

TEST_F(TreeCompareTest, Type) {
    must(unlink((dir / "a/fifo").c_str()));
    dir.make_dir("a/fifo");
    put(dir / "a/fifo/x", "");
    EXPECT_THAT(compare_untimed("fifo"), ElementsAre("fifo: type fifo != directory"));
}

TEST_F(TreeCompareTest, DeviceNumbers) {
    auto make = [&](const char* name, mode_t type, unsigned number) {
        if (mknod((dir / name).c_str(), type | 0600, makedev(1, number)) != 0) return false;
        set_mtime(dir / name, 13, 0);
        return true;
    };
    if (!make("e/dev", S_IFCHR, 3)) GTEST_SKIP() << "needs root";
    ASSERT_TRUE(make("a/dev", S_IFCHR, 5) && make("e/type", S_IFCHR, 3) && make("a/type", S_IFBLK, 3));
    set_mtime(dir / "e", 13, 0);
    EXPECT_THAT(compare_untimed("dev"),
                ElementsAre("dev: device 1:3 != 1:5", "type: type character device != block device"));
}

TEST_F(TreeCompareTest, ExtendedAttributes) {
    if (!set_xattr(dir / "e/file", "user.gone", "1")) GTEST_SKIP() << "no user attributes here";
    set_xattr(dir / "e/sub", "user.changed", "old");
    set_xattr(dir / "a/sub", "user.changed", "new\n");
    set_xattr(dir / "a", "user.more", "");
    EXPECT_THAT(compare(), ElementsAre(".: xattr user.more \"\" in actual only",
                                       "file: xattr user.gone \"1\" in expected only",
                                       "sub: xattr user.changed \"old\" != \"new\\x0a\""));
    CompareOptions options;
    options.ignore_xattrs = true;
    EXPECT_THAT(compare(options), IsEmpty());
}

TEST_F(TreeCompareTest, Acls) {
    auto setfacl = [&](const char* acl, const char* name) {
        return run_command({"setfacl", "-m", acl, dir / name}).status == 0;
    };
    if (!setfacl("u:1000:rw", "e/file")) GTEST_SKIP() << "no ACLs here";
    ASSERT_TRUE(setfacl("u:1000:r,m:rw", "a/file") && setfacl("d:g:100:x", "e/sub"));
    std::vector<std::string> lines = compare();
    ASSERT_EQ(lines.size(), 2U) << join_lines(lines);
    EXPECT_EQ(
        lines[0],
        "file: xattr system.posix_acl_access user::rw-,user:1000:rw-,group::r--,mask::rw-,other::r-- != "
        "user::rw-,user:1000:r--,group::r--,mask::rw-,other::r--");
    EXPECT_THAT(lines[1],
                HasSubstr("sub: xattr system.posix_acl_default user::rwx,group::r-x,group:100:--x,"));
}

TEST_F(TreeCompareTest, FileCapabilities) {
    constexpr std::string_view kCapability{"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20};
    if (!set_xattr(dir / "e/file", "security.capability", kCapability)) GTEST_SKIP() << "needs root";
    std::vector<std::string> lines = compare();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0], HasSubstr("file: xattr security.capability"));
}

TEST_F(TreeCompareTest, HardLinkBroken) {
    must(unlink((dir / "a/linked").c_str()));
    put(dir / "a/linked", "l");
    struct stat st {};
    must(stat((dir / "e/linked").c_str(), &st));
    set_mtime(dir / "a/linked", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    set_mtime(dir / "a", 13, 0);
    EXPECT_THAT(compare(), ElementsAre("linked, sub/linked too: hard-linked in expected only"));
}

TEST_F(TreeCompareTest, HardLinkTooMany) {
    must(unlink((dir / "a/file").c_str()));
    must(link((dir / "a/linked").c_str(), (dir / "a/file").c_str()));
    set_mtime(dir / "e/linked", 13, 0);
    EXPECT_THAT(compare_untimed("file"),
                ElementsAre("file: size 3 != 1", "file, linked, sub/linked too: hard-linked in actual only",
                            "linked, sub/linked too: hard-linked in expected only"));
}

TEST_F(TreeCompareTest, HardLinkedSymlinksAndFifos) {
    for (const char* name : {"symlink", "fifo"}) {
        std::string other = std::string(name) + "2";
        must(linkat(AT_FDCWD, (dir / "e" + "/" + name).c_str(), AT_FDCWD, (dir / "e/" + other).c_str(), 0));
        EXPECT_EQ(run_command({"cp", "-a", dir / "e/" + name, dir / "a/" + other}).status, 0);
    }
    set_mtime(dir / "e", 13, 0);
    set_mtime(dir / "a", 13, 0);
    EXPECT_THAT(compare(), ElementsAre("fifo, fifo2: hard-linked in expected only",
                                       "symlink, symlink2: hard-linked in expected only"));
}

TEST_F(TreeCompareTest, ExcludedNamesDoNotCount) {
    put(dir / "a/sub/other", "changed");
    put(dir / "a/sub/new", "");
    set_mtime(dir / "a/sub", 99, 0);
    must(unlink((dir / "a/sub/linked too").c_str()));
    EXPECT_THAT(compare(), ::testing::SizeIs(::testing::Ge(4)));
    CompareOptions options;
    options.exclude = [](std::string_view path) { return path == "sub"; };
    EXPECT_THAT(compare(options), IsEmpty());
}

TEST_F(TreeCompareTest, NamesOfAllBytes) {
    put(dir / "e/\xff\n\\-", "");
    set_mtime(dir / "e", 13, 0);
    EXPECT_THAT(compare(), ElementsAre("\\xff\\x0a\\x5c-: file in expected only"));
}

TEST_F(TreeCompareTest, MissingDirectoryIsAnError) {
    EXPECT_THROW(snapshot_tree(dir / "none"), Error);
}

/// Writes one byte at `offset` of a file of `size` bytes.
void make_sparse(const std::string& path, off_t size, off_t offset) {
    Fd fd = open_file(path, O_RDWR | O_CREAT, 0644);
    must(ftruncate(fd.get(), size));
    ASSERT_EQ(pwrite(fd.get(), "x", 1, offset), 1);
}

TEST(TreeCompareSparse, VastHolesAreQuickAndExact) {
    TempDir dir;
    constexpr off_t kTiB = off_t{1} << 40;
    for (const char* name : {"e", "a"}) dir.make_dir(name);
    make_sparse(dir / "e/vast", kTiB, kTiB / 2 + 5);
    make_sparse(dir / "a/vast", kTiB, kTiB / 2 + 5);
    auto content = [&](const char* path) { return snapshot_tree(dir / path).entries.at("vast").content; };
    EXPECT_EQ(content("e"), content("a"));
    // A filled hole is not another content …
    {
        Fd fd = open_file(dir / "a/vast", O_WRONLY);
        std::string zeros(9000, '\0');
        ASSERT_EQ(pwrite(fd.get(), zeros.data(), zeros.size(), 12345), 9000);
    }
    EXPECT_EQ(content("e"), content("a"));
    // … one byte elsewhere is.
    make_sparse(dir / "a/vast", kTiB, kTiB / 2 + 6);
    EXPECT_NE(content("e"), content("a"));
}

TEST(TreeCompareSparse, ByteAtAnotherPlaceIsAnotherContent) {
    TempDir dir;
    for (const char* name : {"e", "a"}) dir.make_dir(name);
    constexpr off_t kSize = off_t{1} << 30;
    make_sparse(dir / "e/f", kSize, 4096);
    make_sparse(dir / "a/f", kSize, 8192);
    EXPECT_NE(snapshot_tree(dir / "e").entries.at("f").content,
              snapshot_tree(dir / "a").entries.at("f").content);
}

TEST(TreeCompareSparse, FilledHolesAreReportedWhenAsked) {
    TempDir dir;
    for (const char* name : {"e", "a"}) dir.make_dir(name);
    make_sparse(dir / "e/f", 4 << 20, 0);
    EXPECT_EQ(run_command({"cp", "-p", "--sparse=never", dir / "e/f", dir / "a/f"}).status, 0);
    CompareOptions options;
    options.ignore_root_mtime = true;
    auto compare = [&] { return differences(snapshot_tree(dir / "e"), snapshot_tree(dir / "a"), options); };
    EXPECT_THAT(compare(), IsEmpty());
    options.check_sparseness = true;
    std::vector<std::string> lines = compare();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0], HasSubstr("f: holes filled: "));
}

/// Lowers the limit of open files for a test.
class FewDescriptors {
  public:
    FewDescriptors() {
        must(getrlimit(RLIMIT_NOFILE, &old_));
        rlimit few = old_;
        few.rlim_cur = 32;
        must(setrlimit(RLIMIT_NOFILE, &few));
    }
    ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &old_); }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;

  private:
    rlimit old_{};
};

/// `levels` directories inside each other, each named `name`, with a file in the last one.
void make_deep(const std::string& top, const std::string& name, int levels) {
    Fd current = open_file(top, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < levels; ++i) {
        must(mkdirat(current.get(), name.c_str(), 0755));
        current = open_directory_at(current.get(), name.c_str(), name);
    }
    Fd file(openat(current.get(), "bottom", O_WRONLY | O_CREAT, 0600));
    write_full(file.get(), "deep");
}

/// Sets TMPDIR for a test.
class ScopedTmpdir {
  public:
    explicit ScopedTmpdir(const std::string& path) {
        if (const char* old = std::getenv("TMPDIR"); old != nullptr) saved_ = old;
        setenv("TMPDIR", path.c_str(), 1);
    }
    ~ScopedTmpdir() {
        if (saved_)
            setenv("TMPDIR", saved_->c_str(), 1);
        else
            unsetenv("TMPDIR");
    }
    ScopedTmpdir(const ScopedTmpdir&) = delete;
    ScopedTmpdir& operator=(const ScopedTmpdir&) = delete;

  private:
    std::optional<std::string> saved_;
};

/// Memory where there is some: thousands of rmdir(2) take many seconds on some disks.
std::string quick_directory() {
    return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

TEST(TreeCompareDeep, PathsOfAnyDepth) {
    FewDescriptors few;
    ScopedTmpdir quick(quick_directory());
    TempDir dir;
    make_deep(dir.path(), "level", 3100);
    TreeSnapshot snapshot = snapshot_tree(dir.path());
    ASSERT_EQ(snapshot.entries.size(), 3102U);
    std::string path;
    for (int i = 0; i < 3100; ++i) path += "level/";
    path += "bottom";
    EXPECT_EQ(snapshot.entries.at(path).content, sha256("deep"));
    TreeSnapshot changed = snapshot;
    changed.entries.at(path).mode = 0;
    EXPECT_THAT(differences(snapshot, changed), ElementsAre(path + ": mode 0600 != 0000"));
}

TEST(TempDirTest, RemovesDeepAndForbiddenDirectories) {
    FewDescriptors few;
    ScopedTmpdir quick(quick_directory());
    TempDir kept;
    put(kept / "x", "");
    std::string path;
    {
        TempDir dir;
        path = dir.path();
        make_deep(dir.path(), "d", 3000);
        dir.make_dir("closed");
        put(dir / "closed/x", "");
        must(symlink(kept.path().c_str(), (dir / "closed/link").c_str()));
        must(chmod((dir / "closed").c_str(), 0));
        EXPECT_TRUE(path_exists(path));
    }
    EXPECT_FALSE(path_exists(path));
    EXPECT_TRUE(path_exists(kept / "x"));
}

TEST(TempDirTest, HonoursTmpdir) {
    TempDir outer;
    ScopedTmpdir tmpdir(outer.path());
    EXPECT_EQ(TempDir().path().rfind(outer / "icecore-test-", 0), 0U);
}

}  // namespace
}  // namespace icecore::testing
