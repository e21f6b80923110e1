#include "archive/snar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "archive/tar_test_util.h"

namespace icecore::archive {
namespace {

using tar_testing::get_file;
using tar_testing::kind_of_error;
using tar_testing::put_file;
using tar_testing::run_ok;
using tar_testing::TempDir;
using ::testing::ElementsAre;
using ::testing::Pair;

SnarDirectory describe(const std::string& root, const std::string& name) {
    struct stat status {};
    EXPECT_EQ(stat((root + "/" + name).c_str(), &status), 0);
    SnarDirectory directory;
    directory.mtime = {status.st_mtim.tv_sec, static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
    directory.dev = status.st_dev;
    directory.ino = status.st_ino;
    directory.name = name;
    return directory;
}

/// A tree with one subdirectory, and our snapshot file of it.
std::string make_tree_and_snar(const TempDir& dir) {
    run_ok(dir.path(), "mkdir -p tree/sub && echo 1 > tree/file && echo 2 > tree/sub/inner");
    SnarDirectory root = describe(dir / "tree", ".");
    root.entries = {{'Y', "file"}, {'D', "sub"}};
    SnarDirectory sub = describe(dir / "tree", "./sub");
    sub.entries = {{'Y', "inner"}};
    // The run was after all of these files' times, so none is taken for too new.
    std::string snar = encode_snar_header({root.mtime.sec + 3600, 5});
    append_snar_directory(root, snar);
    append_snar_directory(sub, snar);
    return snar;
}

TEST(Snar, TarCarriesOnFromOurs) {
    const TempDir dir;
    put_file(dir / "our.snar", make_tree_and_snar(dir));
    run_ok(dir.path(),
           "cp our.snar work.snar && tar -C tree --listed-incremental=$PWD/work.snar -cf same.tar .");
    EXPECT_EQ(run_ok(dir.path(), "tar -tf same.tar"), "./\n./sub/\n");
    const std::string listing = run_ok(dir.path(), "tar --incremental -tvvvf same.tar");
    EXPECT_NE(listing.find("N file\nD sub\n"), std::string::npos) << listing;

    // A changed file, and only that, is dumped after the same snapshot file; its time lies after the recorded
    // run.
    run_ok(dir.path(), "echo 3 > tree/sub/inner && touch -d '+2 hours' tree/sub/inner");
    run_ok(dir.path(),
           "cp our.snar work.snar && tar -C tree --listed-incremental=$PWD/work.snar -cf changed.tar .");
    EXPECT_EQ(run_ok(dir.path(), "tar -tf changed.tar"), "./\n./sub/\n./sub/inner\n");
}

TEST(Snar, ParsesWhatTarWrites) {
    const TempDir dir;
    run_ok(dir.path(),
           "mkdir -p tree/sub/empty && echo 1 > tree/file && touch \"$(printf 'tree/sub/a\\nb')\"");
    run_ok(dir.path(), "tar -C tree --listed-incremental=$PWD/t.snar -cf a.tar .");
    const Snar snar = parse_snar(get_file(dir / "t.snar"));
    EXPECT_EQ(snar.format, 2);
    EXPECT_GT(snar.run_time.sec, 1'700'000'000);
    ASSERT_EQ(snar.directories.size(), 3U);
    for (const auto& directory : snar.directories) {
        const SnarDirectory expected = describe(dir / "tree", directory.name);
        EXPECT_EQ(directory.mtime, expected.mtime);
        EXPECT_EQ(directory.dev, expected.dev);
        EXPECT_EQ(directory.ino, expected.ino);
        if (directory.name == ".") {
            EXPECT_THAT(directory.entries, ElementsAre(Pair('Y', "file"), Pair('D', "sub")));
        } else if (directory.name == "./sub") {
            EXPECT_THAT(directory.entries, ElementsAre(Pair('Y', "a\nb"), Pair('D', "empty")));
        } else {
            EXPECT_EQ(directory.name, "./sub/empty");
            EXPECT_TRUE(directory.entries.empty());
        }
    }
}

TEST(Snar, OursReadsBackTheSame) {
    const TempDir dir;
    const std::string bytes = make_tree_and_snar(dir);
    const Snar snar = parse_snar(bytes);
    std::string again = encode_snar_header(snar.run_time);
    for (const auto& directory : snar.directories) append_snar_directory(directory, again);
    EXPECT_EQ(again, bytes);

    SnarDirectory odd{true, {-5, 999'999'999}, UINT64_MAX, 1, "./a\nb", {{'N', "\xff"}, {'Y', "x y"}}};
    std::string one = encode_snar_header({-1, 0});
    append_snar_directory(odd, one);
    const auto read = parse_snar(one).directories.at(0);
    EXPECT_TRUE(read.nfs);
    EXPECT_EQ(read.mtime, odd.mtime);
    EXPECT_EQ(read.dev, odd.dev);
    EXPECT_EQ(read.name, odd.name);
    EXPECT_EQ(read.entries, odd.entries);
}

TEST(Snar, ParsesFormat1) {
    const Snar snar = parse_snar(
        "GNU tar-1.15.90-1\n1700000000 5\n1600000000 7 2049 12 .\n+-3 8 2049 13 ./a\\nb\\\\c\\101\\q d\n");
    EXPECT_EQ(snar.format, 1);
    EXPECT_EQ(snar.run_time, (Timestamp{1'700'000'000, 5}));
    ASSERT_EQ(snar.directories.size(), 2U);
    EXPECT_EQ(snar.directories[0].mtime, (Timestamp{1'600'000'000, 7}));
    EXPECT_FALSE(snar.directories[0].nfs);
    EXPECT_TRUE(snar.directories[1].nfs);
    EXPECT_EQ(snar.directories[1].mtime, (Timestamp{-3, 8}));
    EXPECT_EQ(snar.directories[1].ino, 13U);
    EXPECT_EQ(snar.directories[1].name, "./a\nb\\cA\\q d");
}

TEST(Snar, ParsesFormat0) {
    const Snar snar = parse_snar("1700000000\n2049 12 .\n+2050 13 ./sub");
    EXPECT_EQ(snar.format, 0);
    EXPECT_EQ(snar.run_time, (Timestamp{1'700'000'000, 0}));
    ASSERT_EQ(snar.directories.size(), 2U);
    EXPECT_EQ(snar.directories[0].dev, 2049U);
    EXPECT_TRUE(snar.directories[1].nfs);
    EXPECT_EQ(snar.directories[1].name, "./sub");
}

TEST(Snar, EveryTruncationIsToldOrShorter) {
    const TempDir dir;
    const std::string bytes = make_tree_and_snar(dir);
    int whole = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        try {
            EXPECT_LT(parse_snar(bytes.substr(0, size)).directories.size(), 2U);
            ++whole;  // cut between two records
        } catch (const Error& error) {
            ASSERT_EQ(error.kind(), Error::Kind::corrupt) << size;
        }
    }
    EXPECT_EQ(whole, 2);
}

TEST(Snar, FlippedBitsNeverCrash) {
    const TempDir dir;
    const std::string bytes = make_tree_and_snar(dir);
    int refused = 0;
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        std::string damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        try {
            parse_snar(damaged);
        } catch (const Error& error) {
            ASSERT_TRUE(error.kind() == Error::Kind::corrupt || error.kind() == Error::Kind::unsupported);
            ++refused;
        }
    }
    EXPECT_GT(refused, 100);
}

TEST(Snar, SaysWhereItIsDamaged) {
    try {
        parse_snar(std::string_view("GNU tar-1.34-2\n12\0xy\0", 22));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Error::Kind::corrupt);
        EXPECT_THAT(error.what(), ::testing::HasSubstr("byte 18"));
    }
    EXPECT_EQ(kind_of_error([] { parse_snar(""); }), Error::Kind::corrupt);
    EXPECT_EQ(kind_of_error([] { parse_snar("GNU tar-1.99-3\n"); }), Error::Kind::unsupported);
}

}  // namespace
}  // namespace icecore::archive
