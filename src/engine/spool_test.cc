#include "engine/spool.h"

#include <gtest/gtest.h>

#include <limits>

namespace icecore::engine {
namespace {

TEST(Spool, GivesBackRecordsInOrderAndByPlace) {
    Spool spool("/tmp");
    std::vector<std::pair<std::uint64_t, std::string>> written;
    for (std::size_t i = 0; i < 5000; ++i) {
        std::string record(i % 700, static_cast<char>('a' + i % 26));
        written.emplace_back(spool.append(record), record);
    }
    written.emplace_back(spool.append(std::string(1 << 20, 'z')), std::string(1 << 20, 'z'));
    for (int pass = 0; pass < 2; ++pass) {
        Spool::Reader reader(spool);
        std::string_view record;
        for (const auto& [where, expected] : written) {
            EXPECT_EQ(reader.offset(), where);
            ASSERT_TRUE(reader.next(record));
            ASSERT_EQ(record, expected);
        }
        EXPECT_FALSE(reader.next(record));
    }
    EXPECT_EQ(spool.read_at(written[4321].first), written[4321].second);
    spool.clear();
    EXPECT_TRUE(spool.empty());
    spool.append("again");
    Spool::Reader reader(spool);
    std::string_view record;
    ASSERT_TRUE(reader.next(record));
    EXPECT_EQ(record, "again");
}

TEST(Record, RoundTripsExtremes) {
    FileStat stat;
    stat.type = FileType::block_device;
    stat.mode = 07777;
    stat.uid = std::numeric_limits<std::uint32_t>::max() - 1;
    stat.size = std::numeric_limits<std::uint64_t>::max();
    stat.mtime = {-5'000'000'000, 999'999'999};
    stat.ctime = {std::numeric_limits<std::int64_t>::min(), 1};
    stat.ino = std::numeric_limits<std::uint64_t>::max();
    RecordWriter out;
    out.stat(stat).text(std::string("a\0b", 3)).digest(sha256("x")).location({1, 2, 3, 4}).number(0);
    RecordReader in(out.view());
    FileStat read = in.stat();
    EXPECT_EQ(read.type, stat.type);
    EXPECT_EQ(read.uid, stat.uid);
    EXPECT_EQ(read.size, stat.size);
    EXPECT_EQ(read.mtime, stat.mtime);
    EXPECT_EQ(read.ctime, stat.ctime);
    EXPECT_EQ(read.ino, stat.ino);
    EXPECT_EQ(in.text(), std::string_view("a\0b", 3));
    EXPECT_EQ(in.digest(), sha256("x"));
    EXPECT_EQ(in.location(), (archive::Location{1, 2, 3, 4}));
    EXPECT_EQ(in.number(), 0U);
}

}  // namespace
}  // namespace icecore::engine
