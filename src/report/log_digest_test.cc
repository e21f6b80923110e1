#include "report/log_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/format.h"
#include "base/test_dir.h"
#include "report/run_log.h"

namespace icecore::report {
namespace {

using ::testing::ElementsAre;

FileStat stat_of(FileType type, std::uint64_t size) {
    FileStat stat;
    stat.type = type;
    stat.size = size;
    return stat;
}

class LogDigestTest : public ::testing::Test {
  protected:
    void begin() {
        archive::ManifestHeader header;
        header.run = 3;
        log_.begin(header, "/d", "/b");
    }
    LogDigest digest() {
        archive::ManifestTrailer trailer;
        trailer.counts.added = 7;
        log_.finish(trailer, 1);
        return digest_log(dir_.path("x.log"));
    }
    TestDir dir_;
    std::unique_ptr<FileSystem> fs_ = make_file_system();
    RunLog log_{*fs_, dir_.path(""), "x.log"};
};

TEST_F(LogDigestTest, ReadsWhatTheLogWrites) {
    begin();
    log_.added("a  b\n", stat_of(FileType::regular, 3 << 20));
    log_.added("dir", stat_of(FileType::directory, 0));
    log_.changed("c", stat_of(FileType::regular, 2000), 10);
    log_.deleted("d", stat_of(FileType::regular, 9 << 20));
    log_.problem("e", "cannot open");
    log_.note("a remark");
    LogDigest digest = this->digest();
    EXPECT_FALSE(digest.missing);
    EXPECT_EQ(digest.lines, 6U);
    EXPECT_EQ(digest.problems, 1U);
    EXPECT_THAT(digest.first_problems, ElementsAre("e: cannot open"));
    EXPECT_THAT(digest.notes, ElementsAre("a remark"));
    ASSERT_EQ(digest.biggest.size(), 2U);  // what is gone is not there
    EXPECT_EQ(digest.biggest[0].text, "a  b\\x0a");
    EXPECT_EQ(digest.biggest[0].bytes, 3U << 20);
    EXPECT_EQ(digest.biggest[1].text, "c  (was 10 B)");
    ASSERT_EQ(digest.first_lines.size(), 4U);
    EXPECT_EQ(digest.first_lines[1].text, "dir/");
    EXPECT_FALSE(digest.first_lines[1].has_size);
    EXPECT_EQ(digest.first_lines[3].word, "deleted");
}

TEST_F(LogDigestTest, TotalsAreNoList) {
    begin();
    LogDigest digest = this->digest();
    EXPECT_FALSE(digest.missing);
    EXPECT_EQ(digest.lines, 0U);
    EXPECT_TRUE(digest.first_lines.empty());
    // As older versions wrote it: one blank line.
    std::ofstream(dir_.path("old.log"))
        << "set        home\n\ntree       1,234,567 files in 1 directory, 5.00 MiB\n"
           "added      123,456,789,012\nvolume     a.tar.zst  1,500 bytes\n"
           "started    2025-11-22 03:15:00\n";
    EXPECT_EQ(digest_log(dir_.path("old.log")).lines, 0U);
}

TEST_F(LogDigestTest, KeepsLittleOfALongLog) {
    begin();
    for (std::uint64_t i = 1; i <= 100'000; ++i)
        log_.added(format("file-{}", i), stat_of(FileType::regular, i % 7919 * 1024));
    for (int i = 0; i < 1000; ++i) log_.problem("p", "gone");
    LogDigest digest = this->digest();
    EXPECT_EQ(digest.lines, 101'000U);
    EXPECT_EQ(digest.problems, 1000U);
    EXPECT_EQ(digest.first_problems.size(), LogDigest::kProblemsMax);
    EXPECT_EQ(digest.first_lines.size(), LogDigest::kLinesMax);
    ASSERT_EQ(digest.biggest.size(), LogDigest::kBiggestMax);
    for (std::size_t i = 1; i < digest.biggest.size(); ++i)
        EXPECT_GE(digest.biggest[i - 1].bytes, digest.biggest[i].bytes);
    EXPECT_GT(digest.biggest.back().bytes, 7900U * 1024);
}

TEST_F(LogDigestTest, WhatIsNoLogGivesNothing) {
    EXPECT_TRUE(digest_log(dir_.path("nothing")).missing);
    EXPECT_TRUE(digest_log(dir_.path("")).missing);
    std::string noise(3 << 20, 'x');
    std::ofstream(dir_.path("noise"), std::ios::binary) << "\n" << noise << "\n\xff\xfe\n short\n\n" << noise;
    LogDigest digest = digest_log(dir_.path("noise"));
    EXPECT_FALSE(digest.missing);
    for (const LogLine& line : digest.first_lines) EXPECT_LE(line.text.size(), 1000U);
    EXPECT_TRUE(digest.biggest.empty());
}

}  // namespace
}  // namespace icecore::report
