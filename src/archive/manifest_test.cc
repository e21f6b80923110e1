// The lines of a manifest: text form, round trip, and what a parser must refuse.

#include "archive/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "archive/manifest_names.h"
#include "archive/volume_test_util.h"
#include "base/text.h"

namespace icecore::archive {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

// ---- random lines ----

/// Any bytes but NUL: control characters, quotes, backslashes, broken UTF-8.
rc::Gen<std::string> gen_text() {
    auto byte = rc::gen::oneOf(rc::gen::inRange<int>(1, 256),
                               rc::gen::element<int>('a', '\\', '"', '\n', 0xc3, 0xa9, 0x7f));
    return rc::gen::container<std::string>(rc::gen::map(byte, [](int b) { return static_cast<char>(b); }));
}

rc::Gen<std::string> gen_name() {
    return rc::gen::map(gen_text(), [](std::string name) {
        std::replace(name.begin(), name.end(), '/', '_');
        return name.empty() || name == "." || name == ".." ? std::string("n") : name;
    });
}

rc::Gen<std::string> gen_path() {
    auto names =
        rc::gen::resize(6, rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(gen_name())));
    return rc::gen::map(names, [](const std::vector<std::string>& components) {
        std::string path;
        for (const std::string& component : components) path = join_path(path, component);
        return path;
    });
}

template <typename T>
rc::Gen<T> gen_number(std::uint64_t max) {
    auto any = rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [max](std::uint64_t n) {
        return static_cast<T>(max == UINT64_MAX ? n : n % (max + 1));
    });
    return rc::gen::oneOf(any, rc::gen::element<T>(0, 1, static_cast<T>(max)));
}

Timestamp random_time() {
    return {*rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(),
                            rc::gen::element(INT64_MIN, INT64_MAX, std::int64_t{-1})),
            *rc::gen::inRange<std::uint32_t>(0, 1'000'000'000)};
}

std::uint32_t random_u32() {
    return *gen_number<std::uint32_t>(UINT32_MAX);
}
std::uint64_t random_u63() {
    return *gen_number<std::uint64_t>(kManifestNumberMax);
}
Digest random_digest() {
    return *rc::gen::arbitrary<bool>() ? sha256(*gen_text()) : Digest{};
}

ManifestHeader random_header() {
    ManifestHeader h;
    h.set = *gen_text();
    h.host = *gen_text();
    h.run = *rc::gen::inRange<std::uint32_t>(1, UINT32_MAX);
    h.kind = *rc::gen::element(RunKind::full, RunKind::incremental);
    h.parent = *rc::gen::inRange<std::uint32_t>(0, h.run);
    h.chain = *rc::gen::inRange<std::uint32_t>(0, h.run);
    h.started = random_time();
    h.program = *gen_text();
    h.archive_name = *gen_name();
    h.compression = *rc::gen::element(Compression{}, Compression{Compression::Method::gzip, 12},
                                      Compression{.method = Compression::Method::none});
    h.reason = *gen_text();
    if (*rc::gen::arbitrary<bool>())
        h.adopted = AdoptedArchive{*gen_text(), *rc::gen::arbitrary<bool>() ? *gen_path() : "", *gen_text()};
    return h;
}

Metadata random_metadata() {
    Metadata m;
    for (const auto& [name, value] : *rc::gen::container<std::map<std::string, std::string>>(
             gen_name(), rc::gen::arbitrary<std::string>()))
        m.xattrs.emplace_back(name, value);
    m.acl_access = *gen_text();
    m.acl_default = *gen_text();
    return m;
}

ManifestEntry random_entry() {
    ManifestEntry e;
    e.path = *rc::gen::arbitrary<bool>() ? *gen_path() : "";
    e.stat.type = *rc::gen::element(FileType::regular, FileType::directory, FileType::symlink, FileType::fifo,
                                    FileType::char_device, FileType::block_device);
    e.stat.mode = *rc::gen::inRange<std::uint32_t>(0, 010000);
    e.stat.uid = random_u32();
    e.stat.gid = random_u32();
    e.stat.size = random_u63();
    e.stat.mtime = random_time();
    e.stat.ctime = random_time();
    e.stat.ino = *gen_number<std::uint64_t>(UINT64_MAX);
    e.stat.nlink = random_u32();
    e.stat.rdev_major = random_u32();
    e.stat.rdev_minor = random_u32();
    e.link_target = *gen_text();
    e.sha256 = random_digest();
    e.metadata = random_metadata();
    e.stored = *rc::gen::element(Stored::none, Stored::whole, Stored::sparse, Stored::link, Stored::earlier);
    if (e.stored == Stored::link) e.link_path = *gen_path();
    if (*rc::gen::arbitrary<bool>())
        e.location = {*rc::gen::inRange<std::uint32_t>(1, UINT32_MAX), random_u32(), random_u63(),
                      random_u63()};
    e.racy = *rc::gen::arbitrary<bool>();
    e.unstable = *rc::gen::arbitrary<bool>();
    e.coarse = *rc::gen::arbitrary<bool>();
    return e;
}

ManifestFrames random_frames() {
    ManifestFrames f;
    f.volume = random_u32();
    auto count = *rc::gen::inRange(0, 50);
    for (int i = 0; i < count; ++i) {
        auto raw = *rc::gen::inRange<std::uint32_t>(1, kFrameBytesMax + 1);
        f.frames.push_back({*rc::gen::inRange<std::uint32_t>(1, raw + 1024), raw});
    }
    return f;
}

ManifestTrailer random_trailer() {
    ManifestTrailer t;
    t.finished = random_time();
    for (const auto& [name, member] : kCountNames) t.counts.*member = random_u63();
    auto count = *rc::gen::inRange<std::uint32_t>(0, 5);
    for (std::uint32_t i = 0; i < count; ++i)
        t.volumes.push_back({i, *gen_name(), random_u63(), random_u63(), random_digest(), random_digest()});
    return t;
}

ManifestLine random_line() {
    switch (*rc::gen::inRange(0, 8)) {
        case 0:
            return random_header();
        case 1:
            return ManifestRename{*gen_path(), *gen_path()};
        case 2:
            return ManifestDelete{*gen_path()};
        case 3:
            return random_frames();
        case 4:
            return ManifestError{*gen_path(), *gen_text()};
        case 5:
            return random_trailer();
        default:
            return random_entry();
    }
}

TEST(ManifestLine, RandomLinesRoundTrip) {
    EXPECT_TRUE(rc::check("parse(encode(line)) == line", [] {
        ManifestLine line = random_line();
        std::string text = encode_manifest_line(line);
        RC_ASSERT(text.find('\n') == text.size() - 1);
        RC_ASSERT(*parse_manifest_line(text) == line);
    }));
}

// ---- the text form ----

ManifestEntry simple_entry() {
    ManifestEntry e;
    e.path = "docs/a.txt";
    e.stat.mode = 0644;
    e.stat.mtime = {-5, 7};
    e.stat.ctime = {10, 0};
    e.stored = Stored::whole;
    return e;
}

TEST(ManifestLine, DefaultsAreLeftOut) {
    EXPECT_EQ(
        encode_manifest_line(simple_entry()),
        R"({"line":"entry","path":"docs/a.txt","type":"file","mode":"0644","mtime":[-5,7],"ctime":[10,0]})"
        "\n");
}

TEST(ManifestLine, EveryKeyOfAnEntry) {
    ManifestEntry e = simple_entry();
    e.path = "caf\xe9/\xc3\xa9\n";
    e.stat = {.type = FileType::char_device,
              .mode = 06755,
              .uid = 1,
              .gid = 2,
              .size = 3,
              .mtime = {},
              .ctime = {1, 2},
              .dev = 99,
              .ino = 4,
              .nlink = 5,
              .rdev_major = 6,
              .rdev_minor = 7};
    e.link_target = "../t";
    e.link_path = "l";
    e.stored = Stored::link;
    e.sha256 = sha256("");
    e.metadata = {{{"user.x", std::string("\0\xff", 2)}}, "user::rwx", "user::r-x"};
    e.location = {8, 9, 10, 11};
    e.racy = e.unstable = true;
    EXPECT_EQ(
        encode_manifest_line(e),
        R"({"line":"entry","path":"caf\\xe9/é\\x0a","type":"char","mode":"6755","uid":1,"gid":2,"size":3,)"
        R"("mtime":[0,0],"ctime":[1,2],"ino":4,"nlink":5,"rdev":[6,7],"target":"../t","link":"l",)"
        R"("sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",)"
        R"("xattrs":{"user.x":"00ff"},"acl":"user::rwx","default_acl":"user::r-x","stored":"link",)"
        R"("at":[8,9,10,11],"racy":true,"unstable":true})"
        "\n");
}

TEST(ManifestLine, TheOtherLines) {
    ManifestHeader h;
    h.set = "home";
    h.host = "srv";
    h.run = 2;
    h.kind = RunKind::incremental;
    h.parent = h.chain = 1;
    h.parent_archive = "w.tar.zst";
    h.started = {1795317300, 5};
    h.program = "0.1.0";
    h.archive_name = "x.tar.zst";
    EXPECT_EQ(
        encode_manifest_line(h),
        R"({"line":"header","format":"icecore-manifest","version":"1.3","program":"0.1.0","set":"home","host":"srv",)"
        R"("run":2,"kind":"incremental","parent":1,"parent_archive":"w.tar.zst","chain":1,)"
        R"("started":[1795317300,5],"archive":"x.tar.zst","compression":"zstd:3"})"
        "\n");
    EXPECT_EQ(encode_manifest_line(ManifestRename{"a", "b"}),
              "{\"line\":\"rename\",\"from\":\"a\",\"to\":\"b\"}\n");
    EXPECT_EQ(encode_manifest_line(ManifestDelete{"a"}), "{\"line\":\"delete\",\"path\":\"a\"}\n");
    EXPECT_EQ(encode_manifest_line(ManifestError{"a", "m"}),
              "{\"line\":\"error\",\"path\":\"a\",\"message\":\"m\"}\n");
    EXPECT_EQ(encode_manifest_line(ManifestFrames{1, {{2, 3}, {4, 5}}}),
              "{\"line\":\"frames\",\"volume\":1,\"sizes\":[[2,3],[4,5]]}\n");
    ManifestTrailer t;
    t.counts.files = 3;
    t.volumes.push_back({0, "x.tar.zst", 10, 20, {}, {}});
    EXPECT_EQ(encode_manifest_line(t),
              R"({"line":"trailer","finished":[0,0],"counts":{"files":3},"volumes":[)"
              R"({"number":0,"name":"x.tar.zst","stored_bytes":10,"raw_bytes":20}]})"
              "\n");
}

// ---- what is ignored and what is refused ----

constexpr std::string_view kEntry =
    R"({"line":"entry","path":"a","type":"file","mode":"0644","mtime":[1,2],"ctime":[1,2],"at":[1,0,0,512]})";

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    std::string out(text);
    std::size_t at = out.find(from);
    CHECK(at != std::string::npos);
    return out.replace(at, from.size(), to);
}

TEST(ManifestLine, UnknownKeysAndLinesAreIgnored) {
    auto line = parse_manifest_line(replaced(kEntry, "{", R"({"colour":{"deep":[[1,null,1e300]]},)"));
    EXPECT_EQ(*line, *parse_manifest_line(kEntry));
    EXPECT_EQ(parse_manifest_line(R"({"line":"weather","path":"../.."})"), std::nullopt);
}

TEST(ManifestLine, AttributesAreSortedAsBytes) {
    auto line = parse_manifest_line(
        replaced(kEntry, "{", R"({"xattrs":{"b\\x01":"01","a":"02","b\\xff":"03","bz":"04"},)"));
    std::vector<std::pair<std::string, std::string>> sorted = {
        {"a", "\x02"}, {"b\x01", "\x01"}, {"bz", "\x04"}, {"b\xff", "\x03"}};
    EXPECT_EQ(std::get<ManifestEntry>(*line).metadata.xattrs, sorted);
}

void expect_corrupt(const std::string& line) {
    auto error = error_of([&] { parse_manifest_line(line); });
    ASSERT_TRUE(error.has_value()) << line.substr(0, 200);
    EXPECT_EQ(error->kind(), Error::Kind::corrupt) << line.substr(0, 200);
    EXPECT_LT(error->message().size(), 300U);
}

TEST(ManifestLine, PathsThatLeadElsewhereAreRefused) {
    for (const char* path :
         {"/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "./a", "a/.", "a/./b", "a\\\\x00b",
          "\\\\x2e.", "a\\\\x2f\\\\x2fb", "a\\\\", "a\\\\x", "a\\\\xg0", "a\\u0000b"}) {
        expect_corrupt(replaced(kEntry, R"("path":"a")", "\"path\":\"" + std::string(path) + "\""));
        expect_corrupt(replaced(kEntry, "{", "{\"stored\":\"link\",\"link\":\"" + std::string(path) + "\","));
        expect_corrupt("{\"line\":\"delete\",\"path\":\"" + std::string(path) + "\"}");
        expect_corrupt("{\"line\":\"rename\",\"from\":\"a\",\"to\":\"" + std::string(path) + "\"}");
        expect_corrupt("{\"line\":\"rename\",\"to\":\"a\",\"from\":\"" + std::string(path) + "\"}");
        expect_corrupt("{\"line\":\"error\",\"message\":\"a\",\"path\":\"" + std::string(path) + "\"}");
    }
    expect_corrupt(R"({"line":"delete","path":""})");
    expect_corrupt(R"({"line":"rename","from":"","to":"a"})");
    expect_corrupt(R"({"line":"rename","from":"a","to":""})");
}

TEST(ManifestLine, BadEntryValuesAreRefused) {
    for (auto [from, to] : std::vector<std::pair<std::string_view, std::string_view>>{
             {R"("type":"file")", R"("type":"socket")"},
             {R"("type":"file")", R"("type":1)"},
             {R"("type":"file",)", ""},
             {R"("mode":"0644")", R"("mode":"10000")"},
             {R"("mode":"0644")", R"("mode":"0648")"},
             {R"("mode":"0644")", R"("mode":"")"},
             {R"("mode":"0644")", R"("mode":420)"},
             {R"("mtime":[1,2])", R"("mtime":[1])"},
             {R"("mtime":[1,2])", R"("mtime":[1,1000000000])"},
             {R"("mtime":[1,2])", R"("mtime":[1,-1])"},
             {R"("mtime":[1,2])", R"("mtime":[1.5,0])"},
             {R"("mtime":[1,2])", R"("mtime":[9223372036854775808,0])"},
             {R"("mtime":[1,2])", R"("mtime":[-9223372036854775809,0])"},
             {R"("mtime":[1,2])", R"("mtime":"1.2")"},
             {R"("mtime":[1,2],)", ""},
             {R"("at":[1,0,0,512])", R"("at":[0,0,0,512])"},
             {R"("at":[1,0,0,512])", R"("at":[4294967296,0,0,512])"},
             {R"("at":[1,0,0,512])", R"("at":[1,0,9223372036854775808,512])"},
             {R"("at":[1,0,0,512])", R"("at":[1,0,0])"},
             {R"("at":[1,0,0,512])", R"("size":-1)"},
             {R"("at":[1,0,0,512])", R"("size":1.0)"},
             {R"("at":[1,0,0,512])", R"("size":18446744073709551616)"},
             {R"("at":[1,0,0,512])", R"("size":"1")"},
             {R"("at":[1,0,0,512])", R"("uid":4294967296)"},
             {R"("at":[1,0,0,512])", R"("stored":"whale")"},
             {R"("at":[1,0,0,512])", R"("stored":"link")"},
             {R"("at":[1,0,0,512])", R"("link":"b")"},
             {R"("at":[1,0,0,512])", R"("sha256":"00")"},
             {R"("at":[1,0,0,512])", R"("racy":1)"},
             {R"("at":[1,0,0,512])", R"("target":"a\u0000")"},
             {R"("at":[1,0,0,512])", R"("xattrs":[])"},
             {R"("at":[1,0,0,512])", R"("xattrs":{"a":"0"})"},
             {R"("at":[1,0,0,512])", R"("xattrs":{"":"00"})"},
             {R"("at":[1,0,0,512])", R"("xattrs":{"a":"00","\\x61":"00"})"},
             {R"("at":[1,0,0,512])", R"("rdev":[1])"},
         })
        expect_corrupt(replaced(kEntry, from, to));
}

TEST(ManifestLine, WhatIsNotALineIsRefused) {
    for (const char* text : {"", "\n", "null", "1", "[]", "{}", "{", R"({"line":1})", R"({"line":"entry"})",
                             R"({"line":"trailer"})", R"({"line":"header"})", "\xff",
                             "{\"line\":\"delete\",\"path\":\"\xff\"}", R"({"line":"delete","path":"a"}{})"})
        expect_corrupt(text);
}

TEST(ManifestLine, FramesThatCannotBeAreRefused) {
    for (const char* sizes :
         {"{}", "[1]", "[[1]]", "[[1,2,3]]", "[[0,1]]", "[[1,0]]", "[[1,4194305]]", "[[90000,1]]"})
        expect_corrupt(R"({"line":"frames","volume":0,"sizes":)" + std::string(sizes) + "}");
    expect_corrupt(R"({"line":"frames","sizes":[]})");
}

TEST(ManifestLine, VolumesThatCannotBeAreRefused) {
    auto trailer = [](std::string_view name, int number) {
        return R"({"line":"trailer","finished":[0,0],"counts":{},"volumes":[{"number":)" +
               std::to_string(number) + R"(,"name":")" + std::string(name) +
               R"(","stored_bytes":1,"raw_bytes":1}]})";
    };
    EXPECT_TRUE(parse_manifest_line(trailer("a", 0)).has_value());
    expect_corrupt(trailer("a", 1));
    for (const char* name : {"", ".", "..", "a/b", "/etc/passwd", "../a", "a\\\\x2fb", "a\\\\x00"})
        expect_corrupt(trailer(name, 0));
}

TEST(ManifestLine, DeepOrManyValuesAreRefusedUnparsed) {
    expect_corrupt(R"({"line":"entry","x":)" + std::string(8 << 20, '[') + "}");
    std::string many = R"({"line":"weather","x":[1)";
    for (int i = 0; i < (1 << 23); ++i) many += ",1";
    expect_corrupt(many + "]}");
    expect_corrupt(std::string(kManifestLineBytesMax + 1, ' '));
    // A long line as such is good; brackets and commas in strings do not count.
    std::string text((1 << 23) + 1, '[');
    EXPECT_EQ(parse_manifest_line(R"({"line":"weather","x":"\")" + text + "\"}"), std::nullopt);
}

TEST(ManifestLine, AFullVolumesFramesAreRead) {
    ManifestFrames frames;
    frames.frames.assign(1 << 20, {kFrameBytesMax, kFrameBytesMax});
    EXPECT_EQ(parse_manifest_line(encode_manifest_line(frames)), ManifestLine(frames));
}

// ---- versions ----

constexpr std::string_view kHeader =
    R"({"line":"header","format":"icecore-manifest","version":"1.0","set":"s","host":"h","run":3,"kind":"full",)"
    R"("started":[1,0],"archive":"a.tar","compression":"none"})";

TEST(ManifestLine, NewerMinorVersionsAreRead) {
    EXPECT_EQ(parse_manifest_line(replaced(kHeader, "1.0", "1.27")), parse_manifest_line(kHeader));
}

TEST(ManifestLine, OtherMajorVersionsAreUnsupportedWhateverElseTheySay) {
    for (std::string_view line :
         {R"({"line":"header","format":"icecore-manifest","version":"2.0"})",
          R"({"line":"header","format":"icecore-manifest","version":"2.1","run":"three"})",
          R"({"line":"header","format":"icecore-manifest","version":"0.9"})"}) {
        auto error = error_of([&] { parse_manifest_line(line); });
        ASSERT_TRUE(error.has_value());
        EXPECT_EQ(error->kind(), Error::Kind::unsupported);
        EXPECT_THAT(error->message(), HasSubstr("this program reads version 1"));
        EXPECT_THAT(error->hint(), HasSubstr("newer icecore"));
    }
}

TEST(ManifestLine, BadHeaderValuesAreRefused) {
    for (auto [from, to] : std::vector<std::pair<std::string_view, std::string_view>>{
             {R"("version":"1.0")", R"("version":"1")"},
             {R"("version":"1.0")", R"("version":"1.x")"},
             {R"("version":"1.0")", R"("version":"")"},
             {R"("version":"1.0")", R"("version":1)"},
             {"icecore-manifest", "icecore-menu"},
             {R"("run":3)", R"("run":0)"},
             {R"("run":3)", R"("run":3,"parent":3)"},
             {R"("run":3)", R"("run":3,"chain":4)"},
             {R"("kind":"full")", R"("kind":"half")"},
             {"a.tar", "../a.tar"},
             {R"("none")", R"("lzma")"},
         })
        expect_corrupt(replaced(kHeader, from, to));
}

}  // namespace
}  // namespace icecore::archive
