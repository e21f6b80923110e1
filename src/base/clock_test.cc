#include "base/clock.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace icecore {
namespace {

TEST(Timestamp, AddNs) {
    EXPECT_EQ(add_ns({10, 5}, 0), (Timestamp{10, 5}));
    EXPECT_EQ(add_ns({10, 999'999'999}, 1), (Timestamp{11, 0}));
    EXPECT_EQ(add_ns({10, 0}, -1), (Timestamp{9, 999'999'999}));
    EXPECT_EQ(add_ns({10, 0}, 2'500'000'000), (Timestamp{12, 500'000'000}));
    EXPECT_EQ(add_ns({0, 1}, -2'000'000'002), (Timestamp{-3, 999'999'999}));
    EXPECT_LT((Timestamp{1, 9}), (Timestamp{2, 0}));
    EXPECT_LT((Timestamp{-1, 0}), (Timestamp{-1, 1}));
}

TEST(Clock, SystemClockRuns) {
    SystemClock clock;
    EXPECT_GT(clock.now().sec, 1'700'000'000);
    std::int64_t before = clock.monotonic_ns();
    EXPECT_LE(before, clock.monotonic_ns());
}

TEST(Utc, Formats) {
    Timestamp t{1795317300, 0};
    EXPECT_EQ(format_compact_utc(t), "20261122T031500Z");
    EXPECT_EQ(format_iso_utc(t), "2026-11-22T03:15:00Z");
    t.nsec = 123;
    EXPECT_EQ(format_iso_utc(t), "2026-11-22T03:15:00.000000123Z");
    EXPECT_EQ(format_iso_utc({-1, 999'999'999}), "1969-12-31T23:59:59.999999999Z");
}

TEST(Utc, FormatsTimesThatNoCalendarNeeds) {
    EXPECT_EQ(format_iso_utc({67'767'976'233'532'800, 0}), "2147483648-01-01T00:00:00Z");
    EXPECT_EQ(format_iso_utc({67'768'036'191'676'799, 0}), "2147485547-12-31T23:59:59Z");
    EXPECT_EQ(format_compact_utc({67'768'036'191'676'799, 0}), "21474855471231T235959Z");
    for (std::int64_t sec : {INT64_MAX, INT64_MIN, std::int64_t{67'768'036'191'676'800}}) {
        std::string at = "@" + std::to_string(sec);
        EXPECT_EQ(format_iso_utc({sec, 5}), at);
        EXPECT_EQ(format_compact_utc({sec, 0}), at);
        EXPECT_EQ(format_local({sec, 0}), at);
    }
}

TEST(Utc, ReadsWhatItWrites) {
    for (std::int64_t sec : {-62135596800L, -1L, 0L, 951782400L, 1795317300L, 4102444799L, 253402300799L}) {
        for (std::uint32_t nsec : {0U, 1U, 500'000'000U, 999'999'999U}) {
            Timestamp t{sec, nsec};
            EXPECT_EQ(parse_utc(format_iso_utc(t)), t);
            EXPECT_EQ(parse_utc(format_compact_utc(t)), (Timestamp{sec, 0}));
        }
    }
    EXPECT_EQ(parse_utc("2026-11-22T03:15:00.5Z"), (Timestamp{1795317300, 500'000'000}));
    EXPECT_EQ(parse_utc("2024-02-29T00:00:00Z"), (Timestamp{1709164800, 0}));
}

TEST(Utc, Refuses) {
    for (const char* text : {"",
                             "Z",
                             "2026-11-22",
                             "2026-11-22T03:15:00",
                             "2026-11-22T03:15:00z",
                             "2026-11-22T03:15:00.Z",
                             "2026-11-22T03:15:00.1234567890Z",
                             "2026-13-01T00:00:00Z",
                             "2026-00-01T00:00:00Z",
                             "2026-01-00T00:00:00Z",
                             "2026-01-32T00:00:00Z",
                             "2026-02-29T00:00:00Z",
                             "2100-02-29T00:00:00Z",
                             "2026-04-31T00:00:00Z",
                             "2026-01-01T24:00:00Z",
                             "2026-01-01T00:60:00Z",
                             "20260230T000000Z",
                             "20261122T031500",
                             "20261122T031500ZZ",
                             "+026-11-22T03:15:00Z",
                             "2026-11-22T03:15:00Z "})
        EXPECT_FALSE(parse_utc(text)) << text;
}

/// Sets the time zone for one test.
class LocalTime : public testing::Test {
  protected:
    LocalTime() {
        if (const char* old = std::getenv("TZ")) old_ = old;
        use("CET-1CEST,M3.5.0,M10.5.0/3");
    }
    ~LocalTime() override { use(old_.empty() ? nullptr : old_.c_str()); }

  private:
    static void use(const char* zone) {
        if (zone == nullptr)
            unsetenv("TZ");
        else
            setenv("TZ", zone, 1);
        tzset();
    }
    std::string old_;
};

TEST_F(LocalTime, Formats) {
    EXPECT_EQ(format_local({1795317300, 5}), "2026-11-22 04:15:00");
    EXPECT_EQ(format_local({1784690100, 0}), "2026-07-22 05:15:00");
}

TEST_F(LocalTime, Parses) {
    EXPECT_EQ(parse_local("2026-11-22 04:15:00"), (Timestamp{1795317300, 0}));
    EXPECT_EQ(parse_local("2026-11-22T04:15"), (Timestamp{1795317300, 0}));
    EXPECT_EQ(parse_local("2026-07-22 05:15"), (Timestamp{1784690100, 0}));
    EXPECT_EQ(parse_local("2026-11-22T03:15:00Z"), (Timestamp{1795317300, 0}));
    EXPECT_EQ(parse_local("20261122T031500Z"), (Timestamp{1795317300, 0}));
    EXPECT_EQ(parse_local("2026-11-22"), (Timestamp{1795388399, 999'999'999}));
    for (const char* text : {"", "yesterday", "2026-11", "2026-02-30", "2026-11-22 4:15", "2026-11-22 04",
                             "2026-11-22 04:15:", "2026-11-22 04:15:00 ", "2026-11-22 25:00", "2026-11-22Z"})
        EXPECT_FALSE(parse_local(text)) << text;
}

TEST(LocalDay, IsThatOfTheTimeZone) {
    const char* before = getenv("TZ");
    std::string old = before != nullptr ? before : "";
    setenv("TZ", "America/New_York", 1);
    tzset();
    EXPECT_EQ(format_day(local_day({1795317300, 0})), "2026-11-21");  // 03:15 UTC
    EXPECT_EQ(format_local({1795317300, 0}).substr(0, 10), "2026-11-21");
    EXPECT_EQ(local_day({1795317300, 0}) + 1, local_day({1795317300 + 6 * 3600, 0}));
    setenv("TZ", "UTC", 1);
    tzset();
    EXPECT_EQ(format_day(local_day({1795317300, 0})), "2026-11-22");
    EXPECT_EQ(local_day({-1, 0}), -1);
    before != nullptr ? setenv("TZ", old.c_str(), 1) : unsetenv("TZ");
    tzset();
}

}  // namespace
}  // namespace icecore
