#include "schedule/calendar.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>

#include "base/error.h"
#include "base/format.h"
#include "base/process.h"

namespace icecore::schedule {
namespace {

using Every = Calendar::Every;

TEST(Calendar, ReadsTimes) {
    EXPECT_EQ(daily_at("03:15"), (Calendar{.every = Every::day, .minute = 15, .hour = 3}));
    EXPECT_EQ(daily_at("3:05"), (Calendar{.every = Every::day, .minute = 5, .hour = 3}));
    EXPECT_EQ(weekly_at("sun 23:59"),
              (Calendar{.every = Every::week, .minute = 59, .hour = 23, .weekday = 0}));
    EXPECT_EQ(weekly_at("sat 00:00").weekday, 6U);
    EXPECT_EQ(weekly_at("Sat 00:00").weekday, 6U);
    EXPECT_EQ(hourly_at("7"), (Calendar{.every = Every::hour, .minute = 7}));
}

TEST(Calendar, RefusesWhatIsNoTime) {
    for (const char* text :
         {"", "3", "24:00", "03:60", "03:5", "03:155", ":15", "3:", "-1:00", "03:15 ", "3pm"})
        EXPECT_THROW(daily_at(text), Error) << text;
    for (const char* text : {"", "sun", "sun ", "sunday 03:15", "03:15", "sun  03:15"})
        EXPECT_THROW(weekly_at(text), Error) << text;
    for (const char* text : {"", "60", "x", "100"}) EXPECT_THROW(hourly_at(text), Error) << text;
    for (const char* text : {"", "daily", "monthly 1", "daily 25:00"})
        EXPECT_THROW(parse_calendar(text), Error) << text;
}

TEST(Calendar, TextsAndBack) {
    for (const Calendar& calendar : {daily_at("03:15"), weekly_at("wed 17:00"), hourly_at("0")})
        EXPECT_EQ(parse_calendar(to_text(calendar)), calendar);
    EXPECT_EQ(to_cron(daily_at("03:15")), "15 3 * * *");
    EXPECT_EQ(to_cron(weekly_at("sun 23:05")), "5 23 * * 0");
    EXPECT_EQ(to_cron(hourly_at("7")), "7 * * * *");
    EXPECT_EQ(to_systemd(hourly_at("7")), "*-*-* *:07:00");
    EXPECT_EQ(to_systemd(weekly_at("mon 4:00")), "Mon *-*-* 04:00:00");
}

/// When systemd says that it is due next; nullopt if there is no systemd.
std::optional<std::int64_t> systemd_next(const Calendar& calendar, Timestamp now) {
    ProcessResult result;
    try {
        result = run_process({.words = {"systemd-analyze", "calendar", format("--base-time=@{}", now.sec),
                                        to_systemd(calendar)},
                              .environment = {{"LC_ALL", "C"}}});
    } catch (const Error&) {
        return std::nullopt;
    }
    EXPECT_TRUE(result.succeeded()) << result.err;
    // In UTC it prints no second line.
    std::size_t at = result.out.find("(in UTC): ");
    at = at != std::string::npos ? at + 10 : result.out.find("Next elapse: ") + 13;
    std::tm utc{};
    EXPECT_NE(strptime(result.out.c_str() + at, "%a %Y-%m-%d %H:%M:%S", &utc), nullptr) << result.out;
    return timegm(&utc);
}

TEST(Calendar, NextTimesAreThoseOfSystemd) {
    std::mt19937 random(20261129);
    for (const char* zone : {"UTC", "Europe/Berlin", "America/New_York"}) {
        ::setenv("TZ", zone, 1);
        ::tzset();
        for (int i = 0; i < 40; ++i) {
            // Not between 1:00 and 3:00, an hour of which is left out or comes twice in spring and autumn.
            std::string time = format("{:02}:{:02}", 3 + random() % 21, random() % 60);
            Calendar calendar = i % 3 == 0   ? daily_at(time)
                                : i % 3 == 1 ? weekly_at("thu " + time)
                                             : hourly_at(std::to_string(random() % 60));
            Timestamp now{1'770'000'000 + static_cast<std::int64_t>(random() % 31'536'000), 0};
            std::optional<std::int64_t> expected = systemd_next(calendar, now);
            if (!expected) GTEST_SKIP() << "needs systemd-analyze";
            EXPECT_EQ(next_time(calendar, now).sec, *expected)
                << zone << ' ' << to_text(calendar) << " after " << now.sec;
        }
    }
    ::unsetenv("TZ");
    ::tzset();
}

}  // namespace
}  // namespace icecore::schedule
