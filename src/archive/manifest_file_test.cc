// Whole manifests: ManifestWriter, ManifestReader, and the zstd program on both sides.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/manifest.h"
#include "archive/manifest_names.h"
#include "archive/volume_test_util.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

using namespace testing;
using ::testing::HasSubstr;

ManifestHeader header() {
    ManifestHeader h;
    h.set = "home";
    h.host = "server";
    h.run = 1;
    h.chain = 1;
    h.archive_name = "home.tar.zst";
    return h;
}

ManifestEntry entry(unsigned i) {
    ManifestEntry e;
    e.path = format("dir{}/file{}", i / 100, i);
    e.stat.size = i;
    e.stat.mtime = {i, i};
    e.sha256 = sha256(e.path);
    e.location = {1, 0, i * 1024, 1024};
    return e;
}

class ManifestFileTest : public ::testing::Test {
  protected:
    std::string path() const { return dir_.file("m.zst"); }

    /// Compresses `text` with the zstd program, as another writer would.
    void put_manifest(const std::string& text, const std::string& options = "") {
        put_file(dir_.file("m"), text);
        ASSERT_EQ(run_in(dir_.path(), "zstd -q -f " + options + " m -o m.zst 2>&1").output, "");
    }

    std::vector<ManifestLine> read() {
        ManifestReader reader(path());
        std::vector<ManifestLine> lines;
        while (auto line = reader.next()) lines.push_back(*std::move(line));
        EXPECT_FALSE(reader.next().has_value());
        return lines;
    }

    Error read_error() {
        auto error = error_of([&] { read(); });
        EXPECT_TRUE(error.has_value());
        return error.value_or(Error(Error::Kind::invalid, "none"));
    }

    TempDir dir_;
};

TEST_F(ManifestFileTest, ManyLinesRoundTripAndZstdReadsThem) {
    std::vector<ManifestLine> lines = {header(), ManifestRename{"a", "b"}, ManifestDelete{"c"}};
    for (unsigned i = 0; i < 20'000; ++i) lines.emplace_back(entry(i));
    lines.emplace_back(ManifestFrames{0, {{10, 20}}});
    lines.emplace_back(ManifestTrailer{});
    std::string text;
    {
        auto fs = make_file_system();
        ManifestWriter writer(*fs, dir_.path(), "m.zst");
        for (const ManifestLine& line : lines) {
            text += encode_manifest_line(line);
            if (const auto* e = std::get_if<ManifestEntry>(&line))
                writer.write(*e);
            else
                writer.write(line);
        }
        writer.seal();
    }
    EXPECT_TRUE(read() == lines);
    EXPECT_TRUE(run_in(dir_.path(), "zstd -dc m.zst").output == text);
    EXPECT_EQ(run_in(dir_.path(), "zstd -q -t m.zst 2>&1").status, 0);
    if (have_program("jq")) {
        EXPECT_EQ(
            run_in(dir_.path(), "zstd -dc m.zst | jq -r 'select(.line==\"entry\").path' | tail -1").output,
            "dir199/file19999\n");
    }
}

TEST_F(ManifestFileTest, UnsealedLeavesNothing) {
    auto fs = make_file_system();
    { ManifestWriter(*fs, dir_.path(), "m.zst").write(ManifestLine(header())); }
    EXPECT_TRUE(list_directory(dir_.path()).empty());
}

TEST_F(ManifestFileTest, OtherZstdWritersAreRead) {
    std::string text =
        encode_manifest_line(header()) + "{\"line\":\"weather\"}\n" + encode_manifest_line(ManifestTrailer{});
    for (const char* options : {"-1", "-19", "--no-check"}) {
        put_manifest(text, options);
        EXPECT_EQ(read().size(), 2U);
    }
    // Two frames one after the other are one stream.
    run_in(dir_.path(), "head -c 50 m | zstd -q > 1; tail -c +51 m | zstd -q > 2; cat 1 2 > m.zst");
    EXPECT_EQ(read().size(), 2U);
}

TEST_F(ManifestFileTest, ErrorsNameFileAndLine) {
    put_manifest(encode_manifest_line(header()) + "{\"line\":\"delete\",\"path\":\"..\"}\n" +
                 encode_manifest_line(ManifestTrailer{}));
    Error error = read_error();
    EXPECT_EQ(error.kind(), Error::Kind::corrupt);
    EXPECT_THAT(error.message(), HasSubstr("manifest " + path() + ", line 2: "));
}

TEST_F(ManifestFileTest, ANewerMajorVersionIsUnsupported) {
    put_manifest(R"({"line":"header","format":"icecore-manifest","version":"7.3"})"
                 "\n{\"news\":1}\n");
    Error error = read_error();
    EXPECT_EQ(error.kind(), Error::Kind::unsupported);
    EXPECT_THAT(error.message(), HasSubstr(path()));
    EXPECT_THAT(error.message(), HasSubstr("7.3"));
}

TEST_F(ManifestFileTest, ThePartsMustBeThereInOrder) {
    std::string first = encode_manifest_line(header());
    std::string middle = encode_manifest_line(entry(1));
    std::string last = encode_manifest_line(ManifestTrailer{});
    struct {
        std::string text;
        const char* message;
    } cases[] = {
        {"", "empty"},
        {first, "no trailer"},
        {first + middle, "no trailer"},
        {middle + last, "not a header"},
        {"{\"line\":\"weather\"}\n" + first + last, "not a header"},
        {first + first + last, "second header"},
        {first + last + middle, "follows the trailer"},
        {first + last + "\n", "follows the trailer"},
        {first + last + "x", "cut"},
        {first + "\n" + last, "JSON"},
        {first + last.substr(0, last.size() - 1), "cut"},
    };
    for (const auto& c : cases) {
        put_manifest(c.text);
        Error error = read_error();
        EXPECT_EQ(error.kind(), Error::Kind::corrupt);
        EXPECT_THAT(error.message(), HasSubstr(c.message));
    }
}

TEST_F(ManifestFileTest, AMissingFileIsNotFound) {
    EXPECT_EQ(error_of([&] { ManifestReader reader(path()); })->kind(), Error::Kind::not_found);
}

TEST_F(ManifestFileTest, WhatIsNotZstdIsRefused) {
    for (const char* content : {"", "{}", "\x28\xb5\x2f\xfd"}) {
        put_file(path(), content);
        EXPECT_EQ(read_error().kind(), Error::Kind::corrupt);
    }
}

TEST_F(ManifestFileTest, BombsAreRefused) {
    // A line of a gigabyte in some kilobytes.
    put_file(dir_.file("h"), encode_manifest_line(header()));
    run_in(dir_.path(), "(cat h; head -c 1G /dev/zero) | zstd -q -1 > m.zst");
    EXPECT_LT(std::filesystem::file_size(path()), 200'000U);
    EXPECT_THAT(read_error().message(), HasSubstr("longer than 64 MiB"));
    // A window of 128 MiB.
    run_in(dir_.path(), "head -c 200M /dev/zero | zstd -q -1 --long=27 > m.zst");
    EXPECT_EQ(read_error().kind(), Error::Kind::corrupt);
    EXPECT_THAT(read_error().message(), HasSubstr("zstd"));
}

}  // namespace
}  // namespace icecore::archive
