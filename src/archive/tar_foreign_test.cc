// Other programs read what append_header wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <fcntl.h>

#include <set>

#include "archive/tar_test_util.h"

namespace icecore::archive {
namespace {

using tar_testing::append_member;
using tar_testing::get_file;
using tar_testing::make_directory;
using tar_testing::make_file;
using tar_testing::put_file;
using tar_testing::run;
using tar_testing::run_ok;
using tar_testing::TempDir;
using ::testing::HasSubstr;

struct stat status_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    return status;
}

/// Writes the archive to a.tar and extracts it with GNU tar into out/.
void extract(const TempDir& dir, std::string archive, const std::string& options = "") {
    put_file(dir / "a.tar", archive.append(end_of_archive()));
    const std::string printed = run_ok(dir.path(), "mkdir out && tar -xp " + options + " -f a.tar -C out");
    EXPECT_EQ(printed, "");
}

TarMember make_symlink(std::string name, std::string target) {
    TarMember member = make_file(std::move(name), 0);
    member.type = FileType::symlink;
    member.link_target = std::move(target);
    return member;
}

TarMember make_hard_link(std::string name, std::string target) {
    TarMember member = make_file(std::move(name), 0);
    member.hard_link = true;
    member.link_target = std::move(target);
    return member;
}

TEST(TarForeign, GnuTarExtractsEveryType) {
    const TempDir dir;
    std::string archive;
    append_member(make_directory("./"), "", archive);
    TarMember directory = make_directory("./dir/");
    directory.mode = 01777;
    append_member(directory, "", archive);
    TarMember file = make_file("./dir/file", 6);
    file.mode = 06751;
    append_member(file, "hello\n", archive);
    append_member(make_hard_link("./dir/hard", "./dir/file"), "", archive);
    append_member(make_symlink("./link", "dir/file"), "", archive);
    TarMember fifo = make_file("./fifo", 0);
    fifo.type = FileType::fifo;
    fifo.mode = 0600;
    append_member(fifo, "", archive);
    extract(dir, archive);

    const struct stat extracted = status_of(dir / "out/dir/file");
    EXPECT_EQ(extracted.st_mode, S_IFREG | 06751U);
    EXPECT_EQ(extracted.st_mtim.tv_sec, 1'700'000'000);
    EXPECT_EQ(extracted.st_mtim.tv_nsec, 123'456'789);
    EXPECT_EQ(extracted.st_ino, status_of(dir / "out/dir/hard").st_ino);
    EXPECT_EQ(get_file(dir / "out/link"), "hello\n");
    EXPECT_EQ(status_of(dir / "out/link").st_mtim.tv_nsec, 123'456'789);
    EXPECT_EQ(status_of(dir / "out/dir").st_mode, S_IFDIR | 01777U);
    EXPECT_EQ(status_of(dir / "out/dir").st_mtim.tv_nsec, 123'456'789);
    EXPECT_EQ(status_of(dir / "out/fifo").st_mode, S_IFIFO | 0600U);
}

TEST(TarForeign, GnuTarReadsDeviceNumbers) {
    const TempDir dir;
    std::string archive;
    TarMember device = make_file("./null", 0);
    device.type = FileType::char_device;
    device.rdev_major = 4095;
    device.rdev_minor = 1048575;
    append_member(device, "", archive);
    device.name = "./disk";
    device.type = FileType::block_device;
    device.rdev_major = 8;
    device.rdev_minor = 2097153;  // more than seven octal digits
    append_member(device, "", archive);
    put_file(dir / "a.tar", archive);
    const std::string listing = run_ok(dir.path(), "tar -tvf a.tar");
    EXPECT_THAT(listing, HasSubstr(" 4095,1048575 "));
    EXPECT_THAT(listing, HasSubstr(" 8,2097153 "));
    EXPECT_EQ(listing.substr(0, 4), "crw-");
    if (getuid() != 0) return;
    run(dir.path(), "mkdir out && tar -xf a.tar -C out ./null");
    if (!std::filesystem::exists(dir / "out/null")) return;  // root without the right to make devices
    EXPECT_EQ(status_of(dir / "out/null").st_rdev, makedev(4095, 1048575));
}

TEST(TarForeign, GnuTarReadsLargeIdsAndSizes) {
    const TempDir dir;
    std::string archive;
    for (const std::uint32_t id : {0U, 2097151U, 2097152U, 4294967294U}) {
        TarMember member = make_file("./id", 0);
        member.uid = id;
        member.gid = id;
        append_member(member, "", archive);
    }
    const TarMember large = make_file("./large", std::uint64_t{1} << 33);
    append_header(large, archive);
    put_file(dir / "a.tar", archive);
    // The 8 GiB are a hole of the archive file.
    run_ok(dir.path(), "truncate -s +8G a.tar");
    std::string after;
    append_member(make_file("./after", 0), "", after);
    put_file(dir / "after", after.append(end_of_archive()));
    run_ok(dir.path(), "cat after >> a.tar");

    const std::string listing = run_ok(dir.path(), "tar -tv --numeric-owner -f a.tar");
    for (const char* const expected :
         {" 0/0 ", " 2097151/2097151 ", " 2097152/2097152 ", " 4294967294/4294967294 ",
          " 8589934592 2023-11-14 22:13 ./large\n", "./after\n"}) {
        EXPECT_THAT(listing, HasSubstr(expected));
    }
    for (const char* const list : {"bsdtar -tf", "busybox tar -tf", "python3 -m tarfile -l"}) {
        EXPECT_THAT(run_ok(dir.path(), std::string(list) + " a.tar"), HasSubstr("./after")) << list;
    }
}

TEST(TarForeign, GnuTarExtractsTimesAnywhere) {
    const TempDir dir;
    const Timestamp times[] = {
        {-2, 500'000'000}, {-1, 1}, {-86400LL * 365, 0}, {0, 0}, {4'300'000'000, 999'999'999}, {1, 5}};
    std::string archive;
    for (std::size_t i = 0; i < std::size(times); ++i) {
        TarMember member = make_file("./" + std::to_string(i), 0);
        member.mtime = times[i];
        append_member(member, "", archive);
    }
    TarMember far = make_file("./far", 0);
    far.mtime = {(std::int64_t{1} << 33) + 1, 25};  // beyond 11 octal digits, and beyond some file systems
    append_member(far, "", archive);
    put_file(dir / "a.tar", archive);
    run_ok(dir.path(), "mkdir out && tar -xpf a.tar -C out");  // tar warns of times before 1970
    for (std::size_t i = 0; i < std::size(times); ++i) {
        const struct stat status = status_of(dir / ("out/" + std::to_string(i)));
        EXPECT_EQ(status.st_mtim.tv_sec, times[i].sec);
        EXPECT_EQ(status.st_mtim.tv_nsec, std::int64_t{times[i].nsec});
    }
    EXPECT_THAT(run_ok(dir.path(), "tar --full-time -tvf a.tar"),
                HasSubstr("2242-03-16 12:56:33.000000025 ./far\n"));
}

TEST(TarForeign, GnuTarExtractsLongAndOddNames) {
    const TempDir dir;
    const std::string deep = std::string(200, 'a') + "/" + std::string(255, 'b');
    const std::string names[] = {std::string(255, 'n'),
                                 "new\nline",
                                 "bad\xff\xfe\x80",
                                 "\u00fcml\u00e4ut",
                                 std::string(200, '\xfe'),
                                 " leading and trailing ",
                                 "back\\slash\t\x01",
                                 "-dash=equals%25",
                                 std::string(98, 'p'),
                                 std::string(99, 'q'),
                                 deep,
                                 std::string(127, '\xc3') + "x"};
    std::string archive;
    append_member(make_directory("./" + std::string(200, 'a') + "/"), "", archive);
    for (const auto& name : names) append_member(make_file("./" + name, name.size()), name, archive);
    append_member(make_symlink("./long-link", std::string(1000, 't')), "", archive);
    append_member(make_symlink("./odd-link", "\xff\nx"), "", archive);
    append_member(make_hard_link("./hard", "./" + deep), "", archive);
    append_member(make_hard_link("./hard2", "./bad\xff\xfe\x80"), "", archive);
    extract(dir, archive);
    for (const auto& name : names) EXPECT_EQ(get_file(dir / ("out/" + name)), name);
    EXPECT_EQ(std::filesystem::read_symlink(dir / "out/long-link"), std::string(1000, 't'));
    EXPECT_EQ(std::filesystem::read_symlink(dir / "out/odd-link"), "\xff\nx");
    EXPECT_EQ(get_file(dir / "out/hard"), deep);
    EXPECT_EQ(get_file(dir / "out/hard2"), "bad\xff\xfe\x80");
}

TEST(TarForeign, GnuTarExtractsAttributesAndAcls) {
    const TempDir dir;
    put_file(dir / "probe", "");
    if (run(dir.path(), "setfattr -n user.a -v b probe && setfacl -m u:5:r probe").status != 0) {
        GTEST_SKIP() << "no attributes or ACLs here";
    }
    const std::string raw("\0=\n\xff", 4);
    std::string archive;
    TarMember file = make_file("./file", 0);
    file.metadata.xattrs = {{"user.a=b%3D", raw}, {"user.empty", ""}};
    file.metadata.acl_access = "user::rw-,user:12345:r--,group::r--,mask::r--,other::r--";
    append_member(file, "", archive);
    TarMember directory = make_directory("./dir/");
    directory.metadata.acl_default = "user::rwx,group::r-x,group:54321:rwx,mask::rwx,other::---";
    append_member(directory, "", archive);
    extract(dir, archive, "--xattrs --acls");

    char value[16];
    const auto size = getxattr((dir / "out/file").c_str(), "user.a=b%3D", value, sizeof value);
    EXPECT_EQ(std::string(value, size < 0 ? 0 : static_cast<std::size_t>(size)), raw);
    EXPECT_EQ(getxattr((dir / "out/file").c_str(), "user.empty", value, sizeof value), 0);
    EXPECT_EQ(run_ok(dir.path(), "getfacl -cn out/file"),
              "user::rw-\nuser:12345:r--\ngroup::r--\nmask::r--\nother::r--\n\n");
    EXPECT_THAT(run_ok(dir.path(), "getfacl -cn out/dir"), HasSubstr("default:group:54321:rwx\n"));
}

/// A sparse file of ours, its regions filled with a letter each.
std::string append_sparse(const std::string& name, std::uint64_t size_bytes,
                          std::vector<SparseRegion> regions, std::string& archive) {
    TarMember member = make_file("./" + name, size_bytes);
    member.sparse = std::move(regions);
    std::string content;
    for (std::size_t i = 0; i < member.sparse->size(); ++i) {
        content.append((*member.sparse)[i].length_bytes, static_cast<char>('A' + i % 26));
    }
    append_member(member, content, archive);
    return size_bytes > (1 << 24) ? "" : tar_testing::expand(member, content);
}

TEST(TarForeign, OthersExtractSparseFiles) {
    const TempDir dir;
    std::string archive;
    std::vector<SparseRegion> many;
    for (std::uint64_t i = 0; i < 300; ++i) many.push_back({i * 8192, 4096});
    const std::pair<std::string, std::string> files[] = {
        {"empty", append_sparse("empty", 1'000'000, {}, archive)},
        {"nothing", append_sparse("nothing", 0, {}, archive)},
        {"start", append_sparse("start", 8192, {{4096, 4096}}, archive)},
        {"end", append_sparse("end", 100'000, {{0, 4096}}, archive)},
        {"middle", append_sparse("middle", 12'345, {{0, 4096}, {8192, 12'345 - 8192}}, archive)},
        {"inner", append_sparse("inner", 99'999, {{512, 512}, {50'000, 1024}, {60'000, 7}}, archive)},
        {"many", append_sparse("many", 300 * 8192, many, archive)},
        {std::string(120, 's'), append_sparse(std::string(120, 's'), 8192, {{0, 512}}, archive)},
    };
    const std::uint64_t huge_bytes = (std::uint64_t{9} << 30) + 5;
    append_sparse("huge", huge_bytes, {{0, 512}, {huge_bytes - 517, 517}}, archive);
    append_member(make_file("./after", 5), "after", archive);
    put_file(dir / "a.tar", archive.append(end_of_archive()));

    const auto check = [&](const std::string& out) {
        for (const auto& [name, content] : files) {
            EXPECT_TRUE(get_file(dir / (out + "/" + name)) == content) << out << " " << name;
        }
        EXPECT_EQ(get_file(dir / (out + "/after")), "after");
        const struct stat huge = status_of(dir / (out + "/huge"));
        EXPECT_EQ(static_cast<std::uint64_t>(huge.st_size), huge_bytes);
        EXPECT_LT(huge.st_blocks, 1000);
        EXPECT_EQ(run_ok(dir.path(), "tail -c 518 " + out + "/huge | tr '\\0' z"),
                  "z" + std::string(517, 'B'));
    };
    EXPECT_EQ(run_ok(dir.path(), "mkdir gnu && tar -xpf a.tar -C gnu"), "");
    check("gnu");
    run_ok(dir.path(), "mkdir bsd && bsdtar -xpf a.tar -C bsd");
    check("bsd");
    run_ok(dir.path(), "mkdir py && python3 -c 'import tarfile; tarfile.open(\"a.tar\").extractall(\"py\")'");
    check("py");
}

/// Paths below `root` as bytes.
std::set<std::string> names_below(const std::string& root) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        names.insert(entry.path().string().substr(root.size() + 1));
    }
    return names;
}

TEST(TarForeign, EveryReaderSeesTheSameNames) {
    const TempDir dir;
    const std::string d(120, 'd');
    const std::set<std::string> names = {"plain",
                                         "dir",
                                         "dir/inner",
                                         "\u00fcml\u00e4ut",
                                         "bad\xff\xfe\x80",
                                         "new\nline",
                                         d,
                                         d + "/" + std::string(100, 'x'),
                                         d + "/\u00e9",
                                         std::string(97, 'y'),
                                         d + "/\xff" + std::string(90, 'z')};
    std::string archive;
    append_member(make_directory("./"), "", archive);
    for (const auto& name : names) {
        if (name == "dir" || name == d) {
            append_member(make_directory("./" + name + "/"), "", archive);
        } else {
            append_member(make_file("./" + name, 1), "c", archive);
        }
    }
    put_file(dir / "a.tar", archive.append(end_of_archive()));
    const std::pair<std::string, std::string> readers[] = {
        {"gnu", "tar -xf a.tar -C gnu"},
        {"busybox", "busybox tar -xf a.tar -C busybox"},
        {"python", "python3 -c 'import tarfile; tarfile.open(\"a.tar\").extractall(\"python\")'"},
        {"bsd", "bsdtar -xf a.tar -C bsd"},
    };
    for (const auto& [name, command] : readers) {
        run_ok(dir.path(), "mkdir " + name + " && " + command, "C.UTF-8");
        EXPECT_EQ(names_below(dir / name), names) << name;
    }
}

TEST(TarForeign, EveryReaderListsTheSame) {
    const TempDir dir;
    std::string archive;
    TarMember root = make_directory("./");
    root.dumpdir = std::string("Ya\0Yb\0\0", 7);
    append_member(root, "", archive);
    TarMember file = make_file("./a", 1);
    file.metadata = {{{"user.x", "y"}}, "user::rw-,user:5:r--,group::r--,mask::r--,other::---", ""};
    file.uid = 3'000'000;
    file.mtime = {-2, 500'000'000};
    append_member(file, "c", archive);
    append_member(make_symlink("./b", "a"), "", archive);
    append_member(make_hard_link("./c", "./a"), "", archive);
    append_member(make_file("./" + std::string(150, 'd') + "/" + std::string(90, 'e'), 0), "", archive);
    put_file(dir / "a.tar", archive.append(end_of_archive()));
    const std::string expected =
        "./\n./a\n./b\n./c\n./" + std::string(150, 'd') + "/" + std::string(90, 'e') + "\n";
    for (const char* const list : {"tar -tf a.tar", "bsdtar -tf a.tar", "busybox tar -tf a.tar"}) {
        EXPECT_EQ(run_ok(dir.path(), list), expected) << list;
    }
    EXPECT_EQ(run_ok(dir.path(),
                     "python3 -c 'import tarfile\nfor m in tarfile.open(\"a.tar\"): print(m.name + \"/\" * "
                     "m.isdir())'"),
              "." + expected.substr(1));
}

}  // namespace
}  // namespace icecore::archive
