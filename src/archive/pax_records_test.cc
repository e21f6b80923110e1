#include "archive/pax_records.h"

#include <gtest/gtest.h>

#include "archive/tar_test_util.h"

namespace icecore::archive {
namespace {

using tar_testing::kind_of_error;

std::string record(std::string_view key, std::string_view value) {
    std::string out;
    append_pax_record(key, value, out);
    return out;
}

PaxRecords parse(std::string_view text) {
    PaxRecords records;
    parse_pax_records(text, records);
    return records;
}

TEST(PaxRecords, TimesRoundTripAndTruncateTowardsThePast) {
    for (const Timestamp time :
         {Timestamp{0, 0}, Timestamp{-1, 0}, Timestamp{-1, 500'000'000}, Timestamp{-1, 1},
          Timestamp{INT64_MIN, 1}, Timestamp{INT64_MAX, 999'999'999}}) {
        std::string out;
        append_pax_record("mtime", time, out);
        EXPECT_EQ(parse(out).mtime, time) << out;
    }
    EXPECT_EQ(parse(record("mtime", "1.2345678919")).mtime, (Timestamp{1, 234'567'891}));
    EXPECT_EQ(parse(record("mtime", "-1.2345678910")).mtime, (Timestamp{-2, 765'432'109}));
    EXPECT_EQ(parse(record("mtime", "-1.2345678911")).mtime, (Timestamp{-2, 765'432'108}));
    EXPECT_EQ(parse(record("mtime", "-0.9999999999")).mtime, (Timestamp{-1, 0}));
    EXPECT_EQ(parse(record("mtime", "7.")).mtime, (Timestamp{7, 0}));
}

TEST(PaxRecords, RefusesWhatIsNoRecord) {
    for (const std::string_view text :
         {"x", "5", "5 a=b", "6 a=b\n7", "0 a=b\n", "2 \n", "6 a b\n", "99 a=b\n", " 6 a=b\n", "-6 a=b\n",
          "18446744073709551616 a=b\n", "6 a=bc"}) {
        EXPECT_EQ(kind_of_error([&] { parse(text); }), Error::Kind::corrupt) << text;
    }
    EXPECT_EQ(kind_of_error([&] { parse(std::string_view("\0\0\0", 3)); }), Error::Kind::corrupt);
}

TEST(PaxRecords, RefusesBadValues) {
    const std::pair<std::string_view, std::string_view> bad[] = {
        {"mtime", "abc"},      {"mtime", "1.x"},          {"mtime", "-"},
        {"uid", "-1"},         {"size", "1e3"},           {"size", "9223372036854775808"},
        {"mtime", "1,5"},      {"GNU.sparse.map", "1"},   {"GNU.sparse.numbytes", "1"},
        {"SCHILY.xattr.", ""}, {"GNU.sparse.map", "1,x"}, {"mtime", "-9223372036854775808.1"},
    };
    for (const auto& [key, value] : bad) {
        EXPECT_EQ(kind_of_error([&] { parse(record(key, value)); }), Error::Kind::corrupt)
            << key << "=" << value;
    }
    EXPECT_EQ(kind_of_error([&] { parse(record("path", std::string_view("a\0b", 3))); }),
              Error::Kind::corrupt);
}

TEST(PaxRecords, AnEmptyValueTakesARecordBack) {
    const auto records =
        parse(record("path", "a") + record("path", "") + record("uid", "5") + record("uid", ""));
    EXPECT_FALSE(records.path);
    EXPECT_FALSE(records.uid);
}

TEST(PaxRecords, ValuesMayHoldAnything) {
    const std::string value("a=b\nc\0d", 7);
    auto records =
        parse(record("SCHILY.xattr.user.x", value) + record("comment", "ignored") + record("path", "p"));
    EXPECT_EQ(finish_metadata(records).xattrs.at(0).second, value);
    EXPECT_EQ(records.path, "p");
}

TEST(PaxRecords, XattrNamesAreEscapedReversibly) {
    for (const std::string name : {"user.a=b", "user.100%", "user.%3D", "user.%25=%", "user.%3", "user.%"}) {
        std::string out;
        append_pax_xattr(name, "v=w", out);
        ASSERT_EQ(std::stoul(out), out.size());
        auto records = parse(out);
        EXPECT_EQ(finish_metadata(records).xattrs, (Metadata{{{name, "v=w"}}, {}, {}}.xattrs));
    }
}

TEST(PaxRecords, MetadataIsSortedAndTheLastWins) {
    auto records = parse(record("SCHILY.xattr.user.b", "1") + record("SCHILY.xattr.user.a", "2") +
                         record("SCHILY.xattr.user.b", "3") + record("RHT.security.selinux", "label"));
    using Xattrs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(finish_metadata(records).xattrs,
              (Xattrs{{"security.selinux", std::string("label\0", 6)}, {"user.a", "2"}, {"user.b", "3"}}));
}

TEST(PaxRecords, AclsOfOtherProgramsTakeOurForm) {
    const auto acl = [](std::string_view text) {
        return parse(record("SCHILY.acl.access", text)).metadata.acl_access;
    };
    EXPECT_EQ(acl("user::rw-,group::r--"), "user::rw-,group::r--");
    EXPECT_EQ(acl("user::rw-\nuser:5:r--\t#effective:---\nmask::r--\n"), "user::rw-,user:5:r--,mask::r--");
    EXPECT_EQ(acl("user::rw-,user:joe:rwx:1001"), "user::rw-,user:1001:rwx");
    EXPECT_EQ(acl("user:joe:rwx:x"), "user:joe:rwx:x");
    EXPECT_EQ(acl("::,:,,x\n"), "::,:,x");
}

TEST(PaxRecords, SparseMapsOfBothOldFormats) {
    const auto first = parse(record("GNU.sparse.offset", "0") + record("GNU.sparse.numbytes", "512") +
                             record("GNU.sparse.offset", "1024") + record("GNU.sparse.numbytes", "1"));
    const auto second = parse(record("GNU.sparse.map", "0,512,1024,1"));
    EXPECT_EQ(first.sparse_map, (std::vector<SparseRegion>{{0, 512}, {1024, 1}}));
    EXPECT_EQ(second.sparse_map, first.sparse_map);
}

}  // namespace
}  // namespace icecore::archive
