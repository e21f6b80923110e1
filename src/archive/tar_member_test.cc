#include "archive/tar_member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/pax_records.h"
#include "archive/tar_test_util.h"
#include "archive/ustar_block.h"

namespace icecore::archive {
namespace {

using tar_testing::make_directory;
using tar_testing::make_file;
using tar_testing::read_all;

std::string header_of(const TarMember& member) {
    std::string out;
    append_header(member, out);
    EXPECT_EQ(out.size() % kBlockBytes, 0U);
    return out;
}

TEST(TarMember, PlainFileNeedsOneBlock) {
    TarMember member = make_file("./" + std::string(98, 'x'), 5);
    member.mtime = {1'700'000'000, 0};
    EXPECT_EQ(header_of(member).size(), kBlockBytes);
    EXPECT_EQ(read_all(header_of(member) + std::string(512, 'c')).at(0).member, member);
}

TEST(TarMember, AppendsToWhatIsThere) {
    std::string out(kBlockBytes, 'z');
    append_header(make_file("./a", 0), out);
    EXPECT_EQ(out.substr(0, kBlockBytes), std::string(kBlockBytes, 'z'));
    EXPECT_EQ(out.substr(kBlockBytes), header_of(make_file("./a", 0)));
}

TEST(TarMember, FractionOfMtimeNeedsTwoBlocksMore) {
    const std::string header = header_of(make_file("./a", 0));
    EXPECT_EQ(header.size(), 3 * kBlockBytes);
    EXPECT_EQ(header.substr(0, 15), std::string("./PaxHeaders/0\0", 15));
    EXPECT_THAT(header, ::testing::HasSubstr("30 mtime=1700000000.123456789\n"));
}

TEST(TarMember, SplitsLongNamesWhereUstarCan) {
    TarMember member = make_file("./" + std::string(120, 'd') + "/" + std::string(100, 'n'), 0);
    member.mtime.nsec = 0;
    EXPECT_EQ(header_of(member).size(), kBlockBytes);
    EXPECT_EQ(read_all(header_of(member)).at(0).member.name, member.name);

    TarMember directory = make_directory("./" + std::string(99, 'd') + "/");
    directory.mtime.nsec = 0;
    EXPECT_EQ(header_of(directory).size(), kBlockBytes);
    EXPECT_EQ(read_all(header_of(directory)).at(0).member.name, directory.name);
}

TEST(TarMember, WritesPathWhereUstarCannotHoldTheName) {
    for (const std::string& name :
         {"./" + std::string(99, 'n'), "./" + std::string(155, 'd') + "/" + std::string(99, 'n'),
          "./d/" + std::string(101, 'n'), std::string("./\u00fcber")}) {
        TarMember member = make_file(name, 0);
        member.mtime.nsec = 0;
        const std::string header = header_of(member);
        // The first of them is 101 bytes and has a slash where ustar can cut it.
        const bool pax = name != "./" + std::string(99, 'n');
        EXPECT_EQ(header.find(" path=" + name + "\n") != std::string::npos, pax) << name;
        EXPECT_EQ(read_all(header).at(0).member.name, name);
    }
}

TEST(TarMember, LeavesShortNamesThatAreNotUtf8ToTheUstarField) {
    TarMember member = make_file("./bad\xff\xfe", 0);
    member.mtime.nsec = 0;
    EXPECT_EQ(header_of(member).size(), kBlockBytes);
}

TEST(TarMember, TimesBeforeTheEpochCountAwayFromZero) {
    const auto record = [](Timestamp time) {
        std::string out;
        append_pax_record("mtime", time, out);
        return out;
    };
    EXPECT_EQ(record({-2, 500'000'000}), "14 mtime=-1.5\n");
    EXPECT_EQ(record({-1, 500'000'000}), "14 mtime=-0.5\n");
    EXPECT_EQ(record({-1, 0}), "12 mtime=-1\n");
    EXPECT_EQ(record({0, 1}), "21 mtime=0.000000001\n");
    EXPECT_EQ(record({INT64_MIN, 0}), "30 mtime=-9223372036854775808\n");
    EXPECT_EQ(record({INT64_MAX, 999'999'999}), "39 mtime=9223372036854775807.999999999\n");
}

TEST(TarMember, RecordLengthCountsItsOwnDigits) {
    for (std::size_t size = 0; size < 1200; ++size) {
        std::string out;
        append_pax_record("k", std::string(size, 'v'), out);
        ASSERT_EQ(std::stoul(out), out.size());
    }
}

TEST(TarMember, NumbersBeyondOctalAreInBase256) {
    char field[12];
    for (const std::int64_t value : {std::int64_t{0}, kOctal11Max, kOctal11Max + 1, INT64_MAX,
                                     std::int64_t{-1}, std::int64_t{-256}, INT64_MIN}) {
        put_number(field, sizeof field, value);
        EXPECT_EQ(parse_number({field, sizeof field}), value);
        EXPECT_EQ((field[0] & 0x80) != 0, value < 0 || value > kOctal11Max);
    }
    EXPECT_EQ(parse_number(std::string_view("  644 \0\0", 8)), 0644);
    EXPECT_EQ(parse_number(std::string_view("00006448", 8)), std::nullopt);
    EXPECT_EQ(parse_number(std::string_view("\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12)),
              std::nullopt);
}

TEST(TarMember, LargeDumpdirBecomesTypeD) {
    TarMember member = make_directory("./big/");
    member.dumpdir = std::string(kPaxDumpdirBytesMax, 'x');
    EXPECT_THAT(header_of(member), ::testing::HasSubstr("GNU.dumpdir="));
    member.dumpdir = std::string(kPaxDumpdirBytesMax + 1, 'x');
    const std::string header = header_of(member);
    EXPECT_EQ(header.find("GNU.dumpdir="), std::string::npos);
    const auto members = read_all(header);
    ASSERT_EQ(members.size(), 1U);
    EXPECT_EQ(members[0].member, member);
    EXPECT_EQ(content_bytes(member), 0U);
}

TEST(TarMember, AlignsRegionsToBlocks) {
    using Regions = std::vector<SparseRegion>;
    EXPECT_EQ(align_regions({}, 10), Regions{});
    EXPECT_EQ(align_regions({{1, 1}}, 10), (Regions{{0, 10}}));
    EXPECT_EQ(align_regions({{0, 512}, {1024, 512}}, 4096), (Regions{{0, 512}, {1024, 512}}));
    EXPECT_EQ(align_regions({{0, 513}, {1024, 512}}, 4096), (Regions{{0, 1536}}));
    EXPECT_EQ(align_regions({{100, 1}, {200, 1}, {5000, 10}}, 5010), (Regions{{0, 512}, {4608, 402}}));
}

TEST(TarMember, WhereItIsExtracted) {
    EXPECT_EQ(path_of_member("./"), "");
    EXPECT_EQ(path_of_member("."), "");
    EXPECT_EQ(path_of_member("./a/b/"), "a/b");
    EXPECT_EQ(path_of_member("a//b/./c"), "a/b/c");
    EXPECT_EQ(path_of_member("/srv/data/"), "srv/data");
    EXPECT_EQ(path_of_member("a/../../b/..c"), "b/..c");
    EXPECT_EQ(path_of_member("a/.."), "");
}

TEST(TarMember, EndOfArchiveIsTwoZeroBlocks) {
    EXPECT_EQ(end_of_archive(), std::string(1024, '\0'));
}

TEST(TarMemberDeathTest, ChecksItsCallers) {
    EXPECT_DEATH(header_of(make_file("./a/", 0)), "");
    EXPECT_DEATH(header_of(make_directory("./a")), "");
    TarMember member = make_file("./a", 4096);
    member.sparse = {{0, 100}, {1024, 512}};
    EXPECT_DEATH(header_of(member), "");
    member.sparse = {{4096, 512}};
    EXPECT_DEATH(header_of(member), "");
    member.sparse.reset();
    member.type = FileType::socket;
    EXPECT_DEATH(header_of(member), "");
}

}  // namespace
}  // namespace icecore::archive
