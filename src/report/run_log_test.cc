#include "report/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace icecore::report {
namespace {

using ::testing::HasSubstr;

/// A file system in memory: what was sealed is in `content`.
class MemoryFileSystem final : public FileSystem {
  public:
    struct File final : OutputFile {
        MemoryFileSystem* fs = nullptr;
        std::string name, data;
        void write(std::string_view more) override {
            ++fs->writes;
            data += more;
        }
        void sync() override {}
        void seal() override { fs->content = data, fs->sealed_name = name; }
        int fd() const override { return -1; }
    };
    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override {
        EXPECT_FALSE(replace);
        auto file = std::make_unique<File>();
        file->fs = this;
        file->name = dir + "/" + name;
        return file;
    }
    void rename(const std::string&, const std::string&, const std::string&) override {}
    void remove(const std::string&, const std::string&) override {}
    std::unique_ptr<PartialFile> open_partial(const std::string&, const std::string&, bool) override {
        ADD_FAILURE() << "a log is written in one go";
        return nullptr;
    }
    void make_directory(const std::string&, const std::string&) override {}
    void sync(const std::string&, const std::string&) override {}

    std::string content, sealed_name;
    int writes = 0;
};

archive::ManifestHeader make_header() {
    archive::ManifestHeader header;
    header.set = "home";
    header.host = "attic";
    header.run = 3;
    header.kind = archive::RunKind::incremental;
    header.parent = 2;
    header.chain = 1;
    header.started = {1763781300, 0};
    header.program = "0.1.0";
    header.archive_name = "home-000003-incr-20251122T031500Z.tar.zst";
    return header;
}

archive::ManifestTrailer make_trailer() {
    archive::ManifestTrailer trailer;
    trailer.finished = {1763781304, 0};
    trailer.counts.files = 1234;
    trailer.counts.directories = 1;
    trailer.counts.added = 2;
    trailer.counts.changed = 1;
    trailer.counts.errors = 1;
    trailer.counts.tree_bytes = 5 << 20;
    trailer.counts.read_bytes = 3000;
    trailer.counts.stored_bytes = 1500;
    archive::VolumeInfo volume;
    volume.name = "home-000003-incr-20251122T031500Z.tar.zst";
    volume.stored_bytes = 1500;
    volume.sha256 = sha256("x");
    trailer.volumes.push_back(volume);
    return trailer;
}

FileStat make_stat(FileType type, std::uint64_t size) {
    FileStat stat;
    stat.type = type;
    stat.size = size;
    return stat;
}

class RunLogTest : public ::testing::Test {
  protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
    }
};

TEST_F(RunLogTest, LaysOutEveryKindOfLine) {
    MemoryFileSystem fs;
    RunLog log(fs, "/b", "x.log");
    log.begin(make_header(), "/srv/data", "/srv/backup");
    log.added("a/new.txt", make_stat(FileType::regular, 1234));
    log.added("a", make_stat(FileType::directory, 0));
    log.changed("b.txt", make_stat(FileType::regular, 20), 10);
    log.changed("same-size", make_stat(FileType::regular, 20), 20);
    log.metadata_changed("", make_stat(FileType::directory, 0));
    log.deleted("gone", make_stat(FileType::symlink, 0));
    log.renamed("old", "new", make_stat(FileType::directory, 0));
    log.excluded("c.tmp", "exclude: *.tmp");
    log.skipped_socket("s");
    log.problem("secret", "cannot open: Permission denied");
    log.note("leftovers removed");
    log.finish(make_trailer(), 3.42);
    EXPECT_EQ(fs.sealed_name, "/b/x.log");
    EXPECT_EQ(fs.content,
              "icecore    0.1.0\n"
              "set        home\n"
              "host       attic\n"
              "data       /srv/data\n"
              "backup     /srv/backup\n"
              "run        3 (incremental on run 2, chain 1)\n"
              "started    2025-11-22 03:15:00 (2025-11-22T03:15:00Z)\n"
              "archive    home-000003-incr-20251122T031500Z.tar.zst\n"
              "\n"
              "added     1.21 KiB  a/new.txt\n"
              "added            -  a/\n"
              "changed       20 B  b.txt  (was 10 B)\n"
              "changed       20 B  same-size\n"
              "meta             -  ./\n"
              "deleted          -  gone\n"
              "renamed          -  old/ -> new/\n"
              "excluded         -  c.tmp  (exclude: *.tmp)\n"
              "socket           -  s\n"
              "problem          -  secret: cannot open: Permission denied\n"
              "note             -  leftovers removed\n"
              "\n"
              "tree       1,234 files in 1 directory, 5.00 MiB\n"
              "added      2\n"
              "changed    1\n"
              "deleted    0\n"
              "renamed    0\n"
              "excluded   0\n"
              "errors     1\n"
              "read       2.93 KiB\n"
              "stored     1.46 KiB\n"
              "volume     home-000003-incr-20251122T031500Z.tar.zst  1,500 bytes  sha256 " +
                  sha256("x").hex() +
                  "\n"
                  "duration   3.4 s\n"
                  "finished   2025-11-22 03:15:04 (2025-11-22T03:15:04Z)\n");
}

TEST_F(RunLogTest, FullRunSaysWhy) {
    MemoryFileSystem fs;
    RunLog log(fs, "/b", "x.log");
    archive::ManifestHeader header = make_header();
    header.kind = archive::RunKind::full;
    header.reason = "archive.snar is not there";
    log.begin(header, "/d", "/b");
    log.finish(make_trailer(), 1);
    EXPECT_THAT(fs.content, HasSubstr("run        3 (full)\nfull, as   archive.snar is not there\n"));
}

/// Three parts, also if there is nothing in the second.
TEST_F(RunLogTest, ARunWithoutChangesHasAnEmptyList) {
    MemoryFileSystem fs;
    RunLog log(fs, "/b", "x.log");
    log.begin(make_header(), "/d", "/b");
    log.finish(make_trailer(), 1);
    EXPECT_THAT(fs.content, HasSubstr(".tar.zst\n\n\ntree       1,234 files"));
}

TEST_F(RunLogTest, NamesNeverReachTheFileRaw) {
    MemoryFileSystem fs;
    RunLog log(fs, "/b", "x.log");
    log.begin(make_header(), "/srv/\x1b[31m", "/b\n");
    log.added("new\nline\x1b]0;\xff", make_stat(FileType::regular, 1));
    log.renamed("\x7f", "\r", make_stat(FileType::regular, 1));
    log.excluded("\x01", "exclude: \x02");
    log.problem("\x03", "\x04");
    log.note("\x05\n");
    log.finish(make_trailer(), 1);
    for (char c : fs.content) {
        ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
        ASSERT_NE(c, '\x7f');
        ASSERT_NE(c, '\xff');
    }
    EXPECT_THAT(fs.content, HasSubstr("  new\\x0aline\\x1b]0;\\xff\n"));
}

TEST_F(RunLogTest, ManyLinesAreWrittenInFewPieces) {
    MemoryFileSystem fs;
    RunLog log(fs, "/b", "x.log");
    for (int i = 0; i < 20000; ++i) log.added("some/path/of/usual/length", make_stat(FileType::regular, 9));
    log.finish(make_trailer(), 1);
    EXPECT_LT(fs.writes, 30);
    EXPECT_GT(fs.writes, 5);
    EXPECT_EQ(std::count(fs.content.begin(), fs.content.end(), '\n'), 20000 + 14);
}

TEST_F(RunLogTest, UnsealedLeavesNothing) {
    MemoryFileSystem fs;
    { RunLog(fs, "/b", "x.log").note("hello"); }
    EXPECT_EQ(fs.sealed_name, "");
}

TEST(SummaryLine, NamesErrorsOnlyWhenThereAreSome) {
    archive::ManifestTrailer trailer = make_trailer();
    EXPECT_EQ(summary_line(make_header(), trailer, 3.42),
              "run 3 (incremental): 2 added, 1 changed, 0 deleted, 0 renamed; 2.93 KiB read, 1.46 KiB stored "
              "in 3.4 s; 1 error");
    trailer.counts.errors = 0;
    EXPECT_THAT(summary_line(make_header(), trailer, 3.42), ::testing::EndsWith("stored in 3.4 s"));
}

}  // namespace
}  // namespace icecore::report
