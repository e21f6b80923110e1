#include "archive/dumpdir.h"

#include <gtest/gtest.h>

#include "archive/tar_test_util.h"

namespace icecore::archive {
namespace {

using tar_testing::append_member;
using tar_testing::get_file;
using tar_testing::kind_of_error;
using tar_testing::make_directory;
using tar_testing::make_file;
using tar_testing::put_file;
using tar_testing::read_all;
using tar_testing::run_ok;
using tar_testing::TempDir;

template <std::size_t N>
std::string bytes(const char (&text)[N]) {
    return {text, N - 1};
}

TEST(Dumpdir, IsSortedByByteWithRenamesFirst) {
    const Dumpdir dumpdir{{{"./old", "./new"}}, {{'Y', "b"}, {'D', "\xff"}, {'N', "a"}, {'Y', "B"}}};
    EXPECT_EQ(encode_dumpdir(dumpdir), bytes("R./old\0T./new\0YB\0Na\0Yb\0D\xff\0\0"));
    EXPECT_EQ(encode_dumpdir({}), bytes("\0"));
}

TEST(Dumpdir, ParsesWhatItEncodes) {
    const Dumpdir parsed = parse_dumpdir(bytes("Na\0Yb\0Dc\0R./x\0T./y\0R./y\0T./z\0\0"));
    ASSERT_EQ(parsed.entries.size(), 3U);
    EXPECT_EQ(parsed.entries[2].flag, 'D');
    EXPECT_EQ(parsed.entries[2].name, "c");
    ASSERT_EQ(parsed.renames.size(), 2U);
    EXPECT_EQ(parsed.renames[1].from, "./y");
    EXPECT_EQ(parsed.renames[1].to, "./z");
    EXPECT_EQ(encode_dumpdir(parsed), bytes("R./x\0T./y\0R./y\0T./z\0Na\0Yb\0Dc\0\0"));
}

TEST(Dumpdir, RefusesWhatIsDamaged) {
    for (const std::string& damaged :
         {std::string(), bytes("Ya"), bytes("Ya\0"), bytes("Ya\0\0x"), bytes("Y\0\0"), bytes("Ra\0\0"),
          bytes("Ta\0\0"), bytes("Ra\0Yb\0\0"), bytes("Ra\0Rb\0\0"), bytes("R\0Tb\0\0"), bytes("Qa\0\0"),
          bytes("Ya\0\0\0")}) {
        EXPECT_EQ(kind_of_error([&] { parse_dumpdir(damaged); }), Error::Kind::corrupt);
    }
}

TEST(DumpdirDeathTest, ChecksItsCallers) {
    EXPECT_DEATH(encode_dumpdir({{}, {{'Y', ""}}}), "");
    EXPECT_DEATH(encode_dumpdir({{}, {{'Y', bytes("a\0b")}}}), "");
    EXPECT_DEATH(encode_dumpdir({{}, {{'X', "a"}}}), "");
    EXPECT_DEATH(encode_dumpdir({{{"", "a"}}, {}}), "");
}

/// Extracts in tar's incremental mode over what is there; returns the files and directories afterwards.
std::string extract(const TempDir& dir, std::string archive) {
    archive += end_of_archive();
    put_file(dir / "a.tar", archive);
    run_ok(dir.path(), "tar --incremental -xpf a.tar -C tree");
    return run_ok(dir.path(), "cd tree && find . -mindepth 1 | sort");
}

TEST(Dumpdir, TarHonoursDeletions) {
    const TempDir dir;
    run_ok(dir.path(),
           "mkdir -p tree/sub/deep tree/gone tree/file && touch tree/sub/kept tree/sub/gone tree/gone/x "
           "tree/b tree/a tree/Z tree/other");
    TarMember root = make_directory("./");
    // Out of order on purpose: an unsorted list would make tar delete what it should keep.
    root.dumpdir = encode_dumpdir({{}, {{'D', "sub"}, {'N', "b"}, {'N', "a"}, {'Y', "file"}, {'N', "Z"}}});
    TarMember sub = make_directory("./sub/");
    sub.dumpdir = encode_dumpdir({{}, {{'N', "kept"}, {'D', "deep"}}});
    std::string archive;
    append_member(root, "", archive);
    append_member(make_file("./file", 3), "new", archive);
    append_member(sub, "", archive);
    EXPECT_EQ(extract(dir, archive), "./Z\n./a\n./b\n./file\n./sub\n./sub/deep\n./sub/kept\n");
    EXPECT_EQ(get_file(dir / "tree/file"), "new");
}

TEST(Dumpdir, TarHonoursRenamesOfFilesAndDirectoriesInOrder) {
    const TempDir dir;
    run_ok(dir.path(),
           "mkdir -p tree/d1 tree/d2 && echo 1 > tree/d1/f1 && echo 2 > tree/d2/f2 && echo f > tree/file");
    TarMember root = make_directory("./");
    root.dumpdir =
        encode_dumpdir({{{"./d1", "./.t"}, {"./d2", "./d1"}, {"./.t", "./d2"}, {"./file", "./d2/moved"}},
                        {{'D', "d1"}, {'D', "d2"}}});
    TarMember d1 = make_directory("./d1/");
    d1.dumpdir = encode_dumpdir({{}, {{'N', "f2"}}});
    std::string archive;
    append_member(root, "", archive);
    append_member(d1, "", archive);
    EXPECT_EQ(extract(dir, archive), "./d1\n./d1/f2\n./d2\n./d2/f1\n./d2/moved\n");
    EXPECT_EQ(get_file(dir / "tree/d2/moved"), "f\n");
    EXPECT_EQ(get_file(dir / "tree/d2/f1"), "1\n");
}

TEST(Dumpdir, TarHonoursAVeryLargeDirectory) {
    const TempDir dir;
    const std::string deep = std::string(90, 'd') + "/" + std::string(90, 'e');
    run_ok(dir.path(), "mkdir -p tree/" + deep + " && touch tree/" + deep + "/gone tree/" + deep + "/name-3");
    Dumpdir large;
    for (int i = 0; i < 9000; ++i) large.entries.push_back({'N', "name-" + std::to_string(i)});
    for (int i = 0; i < 9000; ++i) large.entries.push_back({'N', std::string(120, 'x') + std::to_string(i)});
    large.entries.push_back({'Y', "new"});
    TarMember directory = make_directory("./" + deep + "/");
    directory.dumpdir = encode_dumpdir(large);
    ASSERT_GT(directory.dumpdir->size(), std::size_t{1} << 20);
    std::string archive;
    append_member(directory, "", archive);
    append_member(make_file("./" + deep + "/new", 3), "new", archive);
    const std::string listing = extract(dir, archive);
    EXPECT_EQ(listing.find("/gone"), std::string::npos);
    EXPECT_NE(listing.find("/name-3\n"), std::string::npos);
    EXPECT_NE(listing.find("/new\n"), std::string::npos);
    EXPECT_EQ(run_ok(dir.path(), "stat -c %Y tree/" + deep), "1700000000\n");
    EXPECT_EQ(read_all(archive).at(0).member, directory);
    EXPECT_EQ(run_ok(dir.path(), "bsdtar -tf a.tar"), "./" + deep + "/\n./" + deep + "/new\n");
}

TEST(Dumpdir, TarListsIt) {
    const TempDir dir;
    TarMember root = make_directory("./");
    root.dumpdir = encode_dumpdir({{}, {{'Y', "yes"}, {'N', "no"}, {'D', "dir"}}});
    std::string archive;
    append_member(root, "", archive);
    put_file(dir / "a.tar", archive.append(end_of_archive()));
    const std::string listing = run_ok(dir.path(), "tar --incremental -tvvvf a.tar");
    EXPECT_NE(listing.find("D dir\nN no\nY yes\n"), std::string::npos) << listing;
}

TEST(Dumpdir, TemporaryDirectoriesOfGnuTarGetANameOfTheirOwn) {
    constexpr char kBytes[] = "Da\0X.\0R./b\0T\0R./a\0T./b\0R\0T./a\0";
    Dumpdir dumpdir = parse_dumpdir({kBytes, sizeof kBytes});
    ASSERT_EQ(dumpdir.renames.size(), 4U);
    EXPECT_EQ(dumpdir.renames[0].from, "");
    EXPECT_EQ(dumpdir.renames[0].to, "./tar.XXXXXX");
    EXPECT_EQ(dumpdir.renames[1].to, "./tar.XXXXXX");
    EXPECT_EQ(dumpdir.renames[3].from, "./tar.XXXXXX");
    EXPECT_EQ(dumpdir.renames[3].to, "./a");
    EXPECT_THROW(parse_dumpdir({"R\0Ta\0\0", 6}), Error) << "without X there is none";
}

}  // namespace
}  // namespace icecore::archive
