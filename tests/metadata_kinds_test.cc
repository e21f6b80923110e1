// Everything that is not content: ids, times, modes, links, devices, attributes.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

class MetadataKinds : public ::testing::Test {
  protected:
    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
    bool root_ = geteuid() == 0;

    /// False where the file system or the user may not.
    bool set_xattr(const std::string& path, const char* name, std::string_view value) {
        return lsetxattr((tree_ / path).c_str(), name, value.data(), value.size(), 0) == 0;
    }
    bool set_acl(const std::string& path, const std::string& acl, bool default_acl = false) {
        Argv argv{"setfacl", "-m", acl, tree_ / path};
        if (default_acl) argv.insert(argv.begin() + 1, "-d");
        return run_command(argv).status == 0;
    }
};

TEST_F(MetadataKinds, Ids) {
    if (!root_) GTEST_SKIP() << "only root may give files away";
    std::vector<unsigned> ids = {0, 1, 65534, 65536, 2097151, 2097152, 0x7fffffff, 0x80000000, 0xfffffffe};
    for (unsigned id : ids) {
        std::string name = std::to_string(id);
        tree_.file(name, "x");
        tree_.dir("d" + name);
        tree_.symlink("l" + name, "x");
        for (const char* prefix : {"", "d", "l"})
            ASSERT_EQ(lchown((tree_ / (prefix + name)).c_str(), id, ids[(id + 1) % ids.size()]), 0) << id;
    }
    runs_.run();
    for (unsigned id : ids) {
        ASSERT_EQ(lchown((tree_ / std::to_string(id)).c_str(), 0xfffffffe - id, id), 0);
        ASSERT_EQ(lchown((tree_ / ("l" + std::to_string(id))).c_str(), 7, id), 0);
    }
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

TEST_F(MetadataKinds, Times) {
    std::vector<Timestamp> times = {{0, 0},
                                    {0, 1},
                                    {-1, 0},
                                    {-1, 999'999'999},
                                    {-86400, 5},
                                    {-2'000'000'000, 123'456'789},
                                    {1, 999'999'999},
                                    {2'147'483'647, 1},
                                    {2'147'483'648, 0},
                                    {4'294'967'295, 9},
                                    {4'294'967'296, 0},
                                    {4'500'000'000, 123'456'789},
                                    {8'589'934'591, 0},
                                    {8'589'934'592, 1}};
    std::vector<Timestamp> kept;
    for (std::size_t i = 0; i < times.size(); ++i) {
        std::string name = std::to_string(i);
        tree_.file(name, "x");
        tree_.symlink("l" + name, "x");
        tree_.file("d" + name + "/inside", "x");
        for (const char* prefix : {"", "l", "d"}) tree_.set_mtime(prefix + name, times[i]);
    }
    tree_.set_mtime("d0/inside", times[4]);
    struct stat st {};
    ASSERT_EQ(lstat((tree_ / "4").c_str(), &st), 0);
    EXPECT_EQ(st.st_mtim.tv_sec, -86400) << "this file system keeps such times";
    runs_.run();
    for (std::size_t i = 0; i < times.size(); ++i)
        for (const char* prefix : {"", "l", "d"})
            tree_.set_mtime(prefix + std::to_string(i), times[(i + 3) % times.size()]);
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

TEST_F(MetadataKinds, Modes) {
    for (unsigned mode : {0U, 0400U, 0777U, 04755U, 02755U, 01777U, 07777U, 06000U}) {
        if (!root_ && (mode & 0700) != 0700) continue;
        std::string name = format("{:o}", mode);
        tree_.file(name, "x");
        tree_.file("d" + name + "/inside", "x");
        tree_.file("with attributes " + name, "x");
        set_xattr("with attributes " + name, "user.x", "y");
        for (const char* prefix : {"", "d", "with attributes "})
            ASSERT_EQ(chmod((tree_ / (prefix + name)).c_str(), mode), 0);
    }
    runs_.run();
    ASSERT_EQ(chmod((tree_ / "777").c_str(), 07777), 0);
    ASSERT_EQ(chmod((tree_ / "d7777").c_str(), 0700), 0);
    if (root_) {
        ASSERT_EQ(chown((tree_ / "4755").c_str(), 5, 6), 0);
        ASSERT_EQ(chmod((tree_ / "4755").c_str(), 04755), 0);
        ASSERT_EQ(chmod(tree_.root().c_str(), 01755), 0);
    }
    runs_.run();
}

TEST_F(MetadataKinds, LinksThatLeadAnywhere) {
    tree_.dir("dir");
    for (const char* target : {"dir", "dir/", "missing", "/", "/etc/passwd", "..", "../../..", "../data/dir",
                               ".", "./", "loop", "//double//slash/", "/nonexistent/\n/x"})
        tree_.symlink("to " + to_hex(target), target);
    tree_.symlink("loop", "loop");
    tree_.symlink("dir/up", "../../outside");
    runs_.run();
    tree_.remove("loop");
    tree_.symlink("loop", "/elsewhere/than/before");
    // Through a link that tar has just made nothing may be written.
    tree_.remove("dir");
    tree_.symlink("dir", "..");
    runs_.run();
    tree_.remove("dir");
    tree_.file("dir/up", "a file now");
    runs_.run();
}

TEST_F(MetadataKinds, FifosDevicesAndEmptyDirectories) {
    ASSERT_EQ(mkfifo((tree_ / "fifo").c_str(), 0640), 0);
    tree_.link("fifo", "fifo too");
    tree_.dir("empty/emptier/emptiest");
    if (root_) {
        ASSERT_EQ(mknod((tree_ / "char").c_str(), S_IFCHR | 0620, makedev(1, 3)), 0);
        ASSERT_EQ(mknod((tree_ / "block").c_str(), S_IFBLK | 0660, makedev(259, 70000)), 0);
        ASSERT_EQ(mknod((tree_ / "whiteout").c_str(), S_IFCHR | 0600, makedev(0, 0)), 0);
    }
    runs_.run();
    tree_.remove("fifo");
    tree_.remove("empty/emptier/emptiest");
    if (root_) {
        tree_.remove("block");
        ASSERT_EQ(mknod((tree_ / "block").c_str(), S_IFBLK | 0660, makedev(8, 1)), 0);
        tree_.rename("char", "empty/char");
    }
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

TEST_F(MetadataKinds, ExtendedAttributes) {
    tree_.file("file", "x");
    tree_.file("dir/inside", "x");
    if (!set_xattr("file", "user.plain", "value")) GTEST_SKIP() << "no extended attributes here";
    set_xattr("file", "user.empty", "");
    set_xattr("file", "user.binary", std::string("\0\n=\xff x", 6));
    set_xattr("file", "user.newline", "a\n12 user.fake=x\n");
    set_xattr("file", "user.large", noise(2000, 1));
    set_xattr("file", ("user." + std::string(200, 'n')).c_str(), "long name");
    set_xattr("dir", "user.on a directory", "yes");
    set_xattr("", "user.on the root", "yes");
    if (root_) {
        set_xattr("file", "trusted.mine", "secret");
        set_xattr("dir", "trusted.mine", "secret");
        tree_.symlink("link", "file");
        set_xattr("link", "trusted.on a link", "value");
        tree_.file("program", "x");
        EXPECT_EQ(run_command({"setcap", "cap_net_raw,cap_chown+ep", tree_ / "program"}).status, 0);
    }
    runs_.run();
    set_xattr("file", "user.plain", "changed");
    EXPECT_EQ(lremovexattr((tree_ / "file").c_str(), "user.binary"), 0);
    EXPECT_EQ(lremovexattr((tree_ / "dir").c_str(), "user.on a directory"), 0);
    set_xattr("", "user.on the root", "changed");
    if (root_) tree_.append("program", "a write takes the capability away");
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

TEST_F(MetadataKinds, Acls) {
    tree_.file("file", "x");
    tree_.file("dir/inside", "x");
    if (!set_acl("file", "u:12345:rw,g:4294967294:r,m::rw")) GTEST_SKIP() << "no ACLs here";
    set_acl("dir", "u:7:rwx");
    set_acl("dir", "u:8:rwx,g:9:---,o::r", true);
    tree_.file("dir/inherits", "x");
    tree_.dir("dir/sub");
    runs_.run();
    EXPECT_EQ(run_command({"setfacl", "-b", tree_ / "file"}).status, 0);
    EXPECT_EQ(run_command({"setfacl", "-k", tree_ / "dir/sub"}).status, 0);
    set_acl("dir/inside", "u:1:r");
    runs_.run();
    EXPECT_EQ(run_command({"setfacl", "-b", tree_ / "dir"}).status, 0);
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

/// tar takes no attribute away, so such a directory is made anew and what stays in it is moved there.
TEST_F(MetadataKinds, AFullDirectoryLosesAnAttribute) {
    for (int i = 0; i < 3000; ++i) tree_.file(format("full/{}", i), "x");
    tree_.file("full/sub/inside", "x");
    tree_.file("full/" + std::string(255, 'n'), "x");
    if (!set_xattr("full", "user.x", "y")) GTEST_SKIP() << "no extended attributes here";
    runs_.run();
    EXPECT_EQ(lremovexattr((tree_ / "full").c_str(), "user.x"), 0);
    tree_.remove("full/7");
    tree_.append("full/8", "changed");
    tree_.rename("full/9", "elsewhere");
    runs_.run();
}

/// It moves to where another directory stood, which is gone with its own attributes.
TEST_F(MetadataKinds, ADirectoryLosesAnAttributeAndTakesThePlaceOfAnother) {
    for (const char* place : {"sibling", "outer", "deep/place", "file"})
        tree_.file(format("{}/b/stays", place), "x");
    for (const char* place : {"sibling", "outer", "deep/place"}) {
        tree_.file(format("{}/a/old", place), "x");
        if (!set_xattr(format("{}/a", place), "user.x", "y")) GTEST_SKIP() << "no extended attributes here";
    }
    tree_.file("file/a", "x");
    tree_.file("outer/a/b/stays", "x");
    for (const char* path : {"sibling/b", "outer/a/b", "deep/place/b", "file/b"})
        set_xattr(path, "user.with", "z");
    runs_.run();

    auto takes = [&](const std::string& from, const std::string& to) {
        EXPECT_EQ(lremovexattr((tree_ / from).c_str(), "user.with"), 0);
        tree_.rename(from, "aside");
        tree_.remove(to);
        tree_.rename("aside", to);
    };
    takes("sibling/b", "sibling/a");
    takes("outer/a/b", "outer/a");
    takes("deep/place/b", "deep/place/a");
    tree_.rename("deep/place", "deep/moved");
    takes("file/b", "file/a");
    runs_.run();
    tree_.file("outer/a/more", "x");
    runs_.run();
}

}  // namespace
}  // namespace icecore::testing
