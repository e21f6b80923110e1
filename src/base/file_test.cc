#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <vector>

#include "base/error.h"
#include "base/test_dir.h"

namespace icecore {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string thrown_by(const std::function<void()>& action, Error::Kind kind) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.message();
        return error.message();
    }
    ADD_FAILURE() << "must throw";
    return {};
}

TEST(Fd, ClosesAndMoves) {
    TestDir dir;
    Fd a = open_file(dir.path(), O_RDONLY | O_DIRECTORY);
    int number = a.get();
    Fd b = std::move(a);
    EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): what is left is specified
    EXPECT_EQ(b.get(), number);
    EXPECT_EQ(fcntl(number, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    b.reset();
    EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(File, OpenNamesThePath) {
    std::string message = thrown_by([] { open_file("/none/such", O_RDONLY); }, Error::Kind::not_found);
    EXPECT_THAT(message, testing::HasSubstr("/none/such"));
}

TEST(File, ReadWriteWhole) {
    TestDir dir;
    std::string data(300'000, 'x');
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7);
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65535}, std::size_t{65536},
                             std::size_t{65537}, data.size()}) {
        Fd fd = open_file(dir.path("f"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        write_full(fd.get(), std::string_view(data).substr(0, size));
        EXPECT_EQ(read_file(dir.path("f")), data.substr(0, size));
    }
    Fd fd = open_file(dir.path("f"), O_RDONLY);
    std::string buffer(400'000, '\0');
    EXPECT_EQ(read_full(fd.get(), buffer.data(), 10), 10U);
    EXPECT_EQ(buffer.substr(0, 10), data.substr(0, 10));
    EXPECT_EQ(read_full(fd.get(), buffer.data(), buffer.size()), data.size() - 10);
    EXPECT_EQ(pread_full(fd.get(), buffer.data(), 100, 299'990), 10U);
    EXPECT_EQ(buffer.substr(0, 10), data.substr(299'990));
    thrown_by([&] { read_full(-1, buffer.data(), 1); }, Error::Kind::io);
    thrown_by([&] { write_full(fd.get(), "x"); }, Error::Kind::io);
    thrown_by([&] { read_file(dir.path()); }, Error::Kind::io);
}

TEST(File, ReadsFromAPipeInPieces) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    Fd out(ends[0]);
    Fd in(ends[1]);
    write_full(in.get(), "abc");
    in.reset();
    char buffer[10];
    EXPECT_EQ(read_full(out.get(), buffer, sizeof buffer), 3U);
}

TEST(OpenBeneath, StaysBelow) {
    TestDir dir;
    ASSERT_EQ(mkdir(dir.path("a").c_str(), 0755), 0);
    ASSERT_EQ(symlink("/etc", dir.path("out").c_str()), 0);
    ASSERT_EQ(symlink("a", dir.path("in").c_str()), 0);
    ASSERT_EQ(symlink("passwd", dir.path("a/link").c_str()), 0);
    write_full(open_file(dir.path("a/f"), O_WRONLY | O_CREAT, 0600).get(), "x");
    Fd root = open_file(dir.path(), O_RDONLY | O_DIRECTORY);
    EXPECT_TRUE(open_beneath(root.get(), "", O_RDONLY));
    EXPECT_TRUE(open_beneath(root.get(), "a/f", O_RDONLY));
    struct {
        const char* path;
        int error;
    } cases[] = {{"out/passwd", ELOOP}, {"in/f", ELOOP}, {"a/link", ELOOP}, {"..", EXDEV},
                 {"/etc", EXDEV},       {"a/g", ENOENT}, {"a/f/x", ENOTDIR}};
    for (const auto& c : cases) {
        EXPECT_FALSE(open_beneath(root.get(), c.path, O_RDONLY)) << c.path;
        EXPECT_EQ(errno, c.error) << c.path;
    }
    Fd made = open_beneath(root.get(), "a/new", O_WRONLY | O_CREAT | O_EXCL, 0640);
    ASSERT_TRUE(made);
    FileStat stat;
    ASSERT_TRUE(stat_at(root.get(), "a/new", stat));
    EXPECT_EQ(stat.mode & 0700U, 0600U);
}

TEST(OpenBeneath, PathsLongerThanPathMax) {
    TestDir dir;
    Fd root = open_file(dir.path(), O_RDONLY | O_DIRECTORY);
    Fd at = open_file(dir.path(), O_RDONLY | O_DIRECTORY);
    std::string path;
    std::string name(200, 'n');
    while (path.size() < 3 * PATH_MAX) {
        ASSERT_EQ(mkdirat(at.get(), name.c_str(), 0755), 0);
        at = Fd(openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
        path += path.empty() ? name : "/" + name;
        FileStat direct;
        FileStat by_path;
        ASSERT_TRUE(stat_at(at.get(), "", direct, AT_EMPTY_PATH));
        Fd opened = open_beneath(root.get(), path, O_RDONLY);
        ASSERT_TRUE(opened) << path.size();
        ASSERT_TRUE(stat_at(opened.get(), "", by_path, AT_EMPTY_PATH));
        EXPECT_EQ(direct.ino, by_path.ino);
    }
    EXPECT_FALSE(open_beneath(root.get(), std::string(5000, 'x'), O_RDONLY));
    EXPECT_EQ(errno, ENAMETOOLONG);
}

TEST(StatAt, Fields) {
    TestDir dir;
    Fd root = open_file(dir.path(), O_RDONLY | O_DIRECTORY);
    write_full(open_file(dir.path("f"), O_WRONLY | O_CREAT, 0600).get(), std::string(5000, 'x'));
    ASSERT_EQ(chmod(dir.path("f").c_str(), 04751), 0);
    ASSERT_EQ(link(dir.path("f").c_str(), dir.path("g").c_str()), 0);
    timespec times[2] = {{1, 2}, {-3, 4}};
    ASSERT_EQ(utimensat(AT_FDCWD, dir.path("f").c_str(), times, 0), 0);
    FileStat f;
    ASSERT_TRUE(stat_at(root.get(), "f", f));
    struct stat posix {};
    ASSERT_EQ(lstat(dir.path("f").c_str(), &posix), 0);
    EXPECT_EQ(f.type, FileType::regular);
    EXPECT_EQ(f.mode, 04751U);
    EXPECT_EQ(f.uid, posix.st_uid);
    EXPECT_EQ(f.gid, posix.st_gid);
    EXPECT_EQ(f.size, 5000U);
    EXPECT_EQ(f.mtime, (Timestamp{-3, 4}));
    EXPECT_EQ(f.ctime, (Timestamp{posix.st_ctim.tv_sec, static_cast<std::uint32_t>(posix.st_ctim.tv_nsec)}));
    EXPECT_EQ(f.ino, posix.st_ino);
    EXPECT_EQ(f.nlink, 2U);
    EXPECT_EQ(f.allocated_bytes, static_cast<std::uint64_t>(posix.st_blocks) * 512);
    EXPECT_FALSE(f.nodump);
    EXPECT_FALSE(f.mount_root);

    ASSERT_EQ(symlink("target", dir.path("l").c_str()), 0);
    ASSERT_EQ(mkfifo(dir.path("p").c_str(), 0600), 0);
    FileStat other;
    ASSERT_TRUE(stat_at(root.get(), "l", other));
    EXPECT_EQ(other.type, FileType::symlink);
    EXPECT_EQ(other.size, 0U);
    ASSERT_TRUE(stat_at(root.get(), "p", other));
    EXPECT_EQ(other.type, FileType::fifo);
    ASSERT_TRUE(stat_at(root.get(), "", other, AT_EMPTY_PATH));
    EXPECT_EQ(other.type, FileType::directory);
    ASSERT_TRUE(stat_at(AT_FDCWD, "/dev/null", other));
    EXPECT_EQ(other.type, FileType::char_device);
    EXPECT_EQ(other.rdev_major, 1U);
    EXPECT_EQ(other.rdev_minor, 3U);
    EXPECT_FALSE(stat_at(root.get(), "none", other));
    EXPECT_EQ(errno, ENOENT);
}

TEST(ListDirectory, Names) {
    TestDir dir;
    EXPECT_THAT(list_directory(dir.path()), IsEmpty());
    for (const char* name : {"a", ".b", "c\n"}) open_file(dir.path(name), O_CREAT | O_WRONLY, 0600);
    EXPECT_THAT(list_directory(dir.path()), UnorderedElementsAre("a", ".b", "c\n"));
    thrown_by([&] { list_directory(dir.path("none")); }, Error::Kind::not_found);
    EXPECT_TRUE(path_exists(dir.path("a")));
    EXPECT_FALSE(path_exists(dir.path("none")));
}

TEST(OutputFile, SealGivesTheName) {
    TestDir dir;
    auto fs = make_file_system();
    auto file = fs->create(dir.path(), "out", false);
    file->write("abc");
    file->write("def");
    EXPECT_THAT(list_directory(dir.path()), UnorderedElementsAre(partial_name("out")));
    char buffer[3];
    EXPECT_EQ(pread_full(file->fd(), buffer, 3, 2), 3U);
    file->seal();
    EXPECT_THAT(list_directory(dir.path()), UnorderedElementsAre("out"));
    file.reset();
    EXPECT_EQ(read_file(dir.path("out")), "abcdef");
    FileStat stat;
    ASSERT_TRUE(stat_at(AT_FDCWD, dir.path("out").c_str(), stat));
    EXPECT_EQ(stat.mode & ~0600U, 0U);
}

TEST(OutputFile, LargeHoldsWhatWasWritten) {
    TestDir dir;
    auto fs = make_file_system();
    constexpr std::size_t kMiB = 1 << 20;
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, 4 * kMiB - 1, 4 * kMiB, 9 * kMiB + 5}) {
        std::string data(size, '\0');
        for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 31 >> 8 ^ i);
        std::string name = std::to_string(size);
        auto file = fs->create_large(dir.path(), name);
        std::size_t piece = size / 3 + 1;  // neither whole blocks nor aligned
        for (std::size_t at = 0; at < size; at += piece)
            file->write(std::string_view(data).substr(at, piece));
        file->seal();
        EXPECT_TRUE(read_file(dir.path(name)) == data) << size;
    }
    auto again = fs->create_large(dir.path(), "1");
    thrown_by([&] { again->seal(); }, Error::Kind::exists);
}

TEST(OutputFile, UnsealedLeavesNothing) {
    TestDir dir;
    make_file_system()->create_large(dir.path(), "large")->write(std::string(5 << 20, 'x'));
    make_file_system()->create(dir.path(), "out", false)->write("abc");
    EXPECT_THAT(list_directory(dir.path()), IsEmpty());
}

TEST(OutputFile, ReplacesOnlyWhenTold) {
    TestDir dir;
    auto fs = make_file_system();
    write_file_durably(*fs, dir.path(), "out", "old", false);
    thrown_by([&] { write_file_durably(*fs, dir.path(), "out", "new", false); }, Error::Kind::exists);
    EXPECT_EQ(read_file(dir.path("out")), "old");
    write_file_durably(*fs, dir.path(), "out", "new", true);
    EXPECT_EQ(read_file(dir.path("out")), "new");
    EXPECT_THAT(list_directory(dir.path()), UnorderedElementsAre("out"));
    thrown_by([&] { fs->create(dir.path("none"), "out", false); }, Error::Kind::not_found);
}

/// Nobody has asked for a file of the other name.
TEST(OutputFile, ErrorsTellTheNameThatItIsToHave) {
    TestDir dir;
    auto fs = make_file_system();
    auto message = [](const auto& action) {
        try {
            action();
        } catch (const Error& e) {
            return e.message();
        }
        return std::string("no error");
    };
    std::string none = dir.path("none");
    EXPECT_EQ(message([&] { fs->create(none, "out", false); }),
              "making " + none + "/out: No such file or directory");
    EXPECT_EQ(message([&] { fs->create_large(none, "out"); }),
              "making " + none + "/out: No such file or directory");
    EXPECT_EQ(message([&] { fs->open_partial(none, "out", false); }),
              "making " + none + "/out: No such file or directory");
    write_file_durably(*fs, dir.path(), "out", "old", false);
    EXPECT_EQ(message([&] { write_file_durably(*fs, dir.path(), "out", "new", false); }),
              "making " + dir.path("out") + ": File exists");
    auto file = fs->open_partial(dir.path(), "busy", false);
    EXPECT_EQ(message([&] { fs->open_partial(dir.path(), "busy", false); }),
              dir.path("busy") + " is being written by another process");
}

TEST(PartialFile, StaysUnsealedAndGoesOn) {
    TestDir dir;
    auto fs = make_file_system();
    {
        auto file = fs->open_partial(dir.path(), "out", false);
        EXPECT_EQ(file->size_bytes(), 0U);
        file->write("abcXYZ");
        file->sync();
    }
    EXPECT_THAT(list_directory(dir.path()), UnorderedElementsAre(partial_name("out")));
    auto file = fs->open_partial(dir.path(), "out", false);
    EXPECT_EQ(file->size_bytes(), 6U);
    file->cut(3);
    EXPECT_EQ(file->size_bytes(), 3U);
    file->write("def");
    EXPECT_EQ(file->size_bytes(), 6U);
    file->seal();
    file.reset();
    EXPECT_EQ(read_file(dir.path("out")), "abcdef");
    EXPECT_THAT(list_directory(dir.path()), UnorderedElementsAre("out"));

    file = fs->open_partial(dir.path(), "out", false);
    file->write("new");
    thrown_by([&] { file->seal(); }, Error::Kind::exists);
    file.reset();
    EXPECT_EQ(read_file(dir.path("out")), "abcdef");
    fs->open_partial(dir.path(), "out", true)->seal();
    EXPECT_EQ(read_file(dir.path("out")), "new");
}

TEST(PartialFile, OneProcessAtATime) {
    TestDir dir;
    auto fs = make_file_system();
    auto file = fs->open_partial(dir.path(), "out", false);
    thrown_by([&] { fs->open_partial(dir.path(), "out", false); }, Error::Kind::denied);
    fs->open_partial(dir.path(), "other", false);
    file.reset();
    EXPECT_EQ(fs->open_partial(dir.path(), "out", false)->size_bytes(), 0U);
}

/// What has the temporary name but is not ours must not be written to.
TEST(PartialFile, TakesNothingForeign) {
    TestDir dir;
    auto fs = make_file_system();
    std::string partial = dir.path(partial_name("out"));
    write_file_durably(*fs, dir.path(), "victim", "precious", false);
    auto begins_empty = [&] {
        auto file = fs->open_partial(dir.path(), "out", false);
        EXPECT_EQ(file->size_bytes(), 0U);
        file->write("x");
        file.reset();
        EXPECT_EQ(read_file(dir.path("victim")), "precious");
        ASSERT_EQ(unlink(partial.c_str()), 0);
    };
    ASSERT_EQ(symlink("victim", partial.c_str()), 0);
    begins_empty();
    ASSERT_EQ(link(dir.path("victim").c_str(), partial.c_str()), 0);
    begins_empty();
    ASSERT_EQ(mkfifo(partial.c_str(), 0600), 0);
    begins_empty();
    ASSERT_EQ(mkdir(partial.c_str(), 0700), 0);
    thrown_by([&] { fs->open_partial(dir.path(), "out", false); }, Error::Kind::io);
}

#ifdef SYS_link
constexpr unsigned kLinkCall = SYS_link;
#else
constexpr unsigned kLinkCall = SYS_linkat;  // newer architectures have no other
#endif

/// Makes system calls of this process fail from now on.
void forbid(std::initializer_list<unsigned> calls, unsigned error) {
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (unsigned call : calls) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

/// Seals in `dir` where "old" exists and "new" does not; the exit status says which went wrong.
[[noreturn]] void seal_both(const std::string& dir) {
    auto fs = make_file_system();
    try {
        write_file_durably(*fs, dir, "new", "content", false);
    } catch (const Error&) {
        _exit(1);
    }
    try {
        write_file_durably(*fs, dir, "old", "content", false);
    } catch (const Error& error) {
        _exit(error.kind() == Error::Kind::exists ? 0 : 2);
    }
    _exit(3);
}

TEST(OutputFileDeathTest, SealsWithoutRenameat2AndWithoutLinks) {
    for (bool links : {true, false}) {
        TestDir dir;
        auto fs = make_file_system();
        write_file_durably(*fs, dir.path(), "old", "old", false);
        EXPECT_EXIT(
            {
                forbid({SYS_renameat2}, EINVAL);
                if (!links) forbid({kLinkCall}, EPERM);
                seal_both(dir.path());
            },
            testing::ExitedWithCode(0), "");
        EXPECT_EQ(read_file(dir.path("new")), "content");
        EXPECT_EQ(read_file(dir.path("old")), "old");
        EXPECT_THAT(list_directory(dir.path()), UnorderedElementsAre("new", "old"));
    }
}

TEST(FileSystem, MakeDirectory) {
    TestDir dir;
    auto fs = make_file_system();
    fs->make_directory(dir.path(), "a");
    fs->make_directory(dir.path(), "a");
    FileStat stat;
    ASSERT_TRUE(stat_at(AT_FDCWD, dir.path("a").c_str(), stat));
    EXPECT_EQ(stat.type, FileType::directory);
    EXPECT_EQ(stat.mode & ~0700U, 0U);
    thrown_by([&] { fs->make_directory(dir.path("none"), "a"); }, Error::Kind::not_found);
    write_file_durably(*fs, dir.path(), "file", "", false);
    thrown_by([&] { fs->make_directory(dir.path(), "file"); }, Error::Kind::not_found);
}

TEST(FileSystem, Sync) {
    TestDir dir;
    auto fs = make_file_system();
    write_file_durably(*fs, dir.path(), "file", "x", false);
    fs->sync(dir.path(), "file");
    thrown_by([&] { fs->sync(dir.path(), "none"); }, Error::Kind::not_found);
    ASSERT_EQ(symlink("file", dir.path("link").c_str()), 0);
    thrown_by([&] { fs->sync(dir.path(), "link"); }, Error::Kind::io);
}

TEST(FileSystem, Remove) {
    TestDir dir;
    auto fs = make_file_system();
    write_file_durably(*fs, dir.path(), "out", "x", false);
    fs->remove(dir.path(), "out");
    fs->remove(dir.path(), "out");
    EXPECT_THAT(list_directory(dir.path()), IsEmpty());
}

}  // namespace
}  // namespace icecore
