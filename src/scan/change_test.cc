#include "scan/change.h"

#include <gtest/gtest.h>

#include <functional>

namespace icecore::scan {
namespace {

FileStat sample() {
    FileStat stat;
    stat.mode = 0644;
    stat.uid = 1000;
    stat.gid = 100;
    stat.size = 12345;
    stat.mtime = {1000, 5};
    stat.ctime = {1001, 6};
    stat.dev = 1;
    stat.ino = 77;
    stat.allocated_bytes = 16384;
    return stat;
}

TEST(Compare, EveryField) {
    struct {
        const char* name;
        std::function<void(FileStat&)> change;
        Verdict verdict;
    } cases[] = {
        {"nothing", [](FileStat&) {}, Verdict::unchanged},
        {"dev", [](FileStat& s) { s.dev = 2; }, Verdict::unchanged},
        {"nlink", [](FileStat& s) { s.nlink = 2; }, Verdict::unchanged},
        {"allocated", [](FileStat& s) { s.allocated_bytes = 0; }, Verdict::unchanged},
        {"ctime", [](FileStat& s) { s.ctime.nsec = 7; }, Verdict::suspect},
        {"ino", [](FileStat& s) { s.ino = 78; }, Verdict::suspect},
        {"type", [](FileStat& s) { s.type = FileType::fifo; }, Verdict::changed},
        {"size", [](FileStat& s) { s.size = 1; }, Verdict::changed},
        {"mtime", [](FileStat& s) { s.mtime.nsec = 4; }, Verdict::changed},
        {"mtime backwards", [](FileStat& s) { s.mtime.sec = -1; }, Verdict::changed},
        {"mode", [](FileStat& s) { s.mode = 0600; }, Verdict::changed},
        {"uid", [](FileStat& s) { s.uid = 0; }, Verdict::changed},
        {"gid", [](FileStat& s) { s.gid = 0; }, Verdict::changed},
        {"rdev major", [](FileStat& s) { s.rdev_major = 8; }, Verdict::changed},
        {"rdev minor", [](FileStat& s) { s.rdev_minor = 1; }, Verdict::changed},
        {"ino and size", [](FileStat& s) { s.ino = 78, s.size = 0; }, Verdict::changed},
    };
    for (const auto& c : cases) {
        FileStat now = sample();
        c.change(now);
        EXPECT_EQ(compare(sample(), false, now), c.verdict) << c.name;
        Verdict racy = c.verdict == Verdict::unchanged ? Verdict::suspect : c.verdict;
        EXPECT_EQ(compare(sample(), true, now), racy) << c.name << ", racy";
    }
}

TEST(IsRacy, Table) {
    struct {
        Timestamp mtime;
        Timestamp ctime;
        bool racy;
    } cases[] = {
        {{1, 1}, {1, 1}, false},
        {{1, 1}, {99, 950'000'001}, true},   // 50 ms less 1 ns before
        {{1, 1}, {99, 950'000'000}, false},  // exactly 50 ms before
        {{99, 950'000'001}, {1, 1}, true},   // a file system whose ctime says nothing
        {{1, 1}, {100, 0}, true},
        {{1, 1}, {99, 0}, true},  // counts in steps of 2 s, perhaps
        {{1, 1}, {98, 0}, false},
        {{99, 0}, {1, 1}, true},
        {{1, 1}, {200, 1}, true},  // the clock was set back
        {{-5, 0}, {-5, 1}, false},
    };
    for (const auto& c : cases) {
        FileStat stat = sample();
        stat.mtime = c.mtime;
        stat.ctime = c.ctime;
        EXPECT_EQ(is_racy(stat, {100, 0}), c.racy)
            << c.mtime.sec << ' ' << c.ctime.sec << ' ' << c.ctime.nsec;
    }
}

}  // namespace
}  // namespace icecore::scan
