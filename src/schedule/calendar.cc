#include "schedule/calendar.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "base/error.h"
#include "base/format.h"

namespace icecore::schedule {
namespace {

using Every = Calendar::Every;

constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<std::string_view, 7> kSystemdDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/// A number of one or two digits below `limit`.
std::optional<unsigned> small_number(std::string_view text, unsigned limit) {
    bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (text.empty() || text.size() > 2 || !digits) return std::nullopt;
    unsigned number = 0;
    for (char c : text) number = number * 10 + static_cast<unsigned>(c - '0');
    return number < limit ? std::optional(number) : std::nullopt;
}

[[noreturn]] void refuse(std::string_view text, std::string_view expected) {
    throw Error(Error::Kind::invalid, format("\"{}\": expected {}", text, expected));
}

bool set_time(Calendar& calendar, std::string_view time) {
    std::size_t colon = time.find(':');
    if (colon == std::string_view::npos) return false;
    std::optional<unsigned> hour = small_number(time.substr(0, colon), 24);
    std::optional<unsigned> minute = small_number(time.substr(colon + 1), 60);
    if (!hour || !minute || time.size() - colon != 3) return false;
    calendar.hour = *hour;
    calendar.minute = *minute;
    return true;
}

}  // namespace

std::int64_t Calendar::period_seconds() const {
    constexpr std::int64_t kHour = 3600;
    return every == Every::hour ? kHour : every == Every::day ? 24 * kHour : 7 * 24 * kHour;
}

Calendar daily_at(std::string_view time) {
    Calendar calendar;
    if (!set_time(calendar, time)) refuse(time, "a time such as 03:15");
    return calendar;
}

Calendar weekly_at(std::string_view day_and_time) {
    Calendar calendar{.every = Every::week};
    std::size_t space = std::min(day_and_time.find(' '), day_and_time.size());
    std::string name(day_and_time.substr(0, space));
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    auto day = std::find(kDays.begin(), kDays.end(), name);
    if (day == kDays.end() ||
        !set_time(calendar, day_and_time.substr(std::min(space + 1, day_and_time.size()))))
        refuse(day_and_time, "a day and a time such as \"sun 03:15\"");
    calendar.weekday = static_cast<unsigned>(day - kDays.begin());
    return calendar;
}

Calendar hourly_at(std::string_view minute) {
    std::optional<unsigned> number = small_number(minute, 60);
    if (!number) refuse(minute, "a minute from 0 to 59");
    return {.every = Every::hour, .minute = *number};
}

std::string to_text(const Calendar& calendar) {
    std::string time = format("{:02}:{:02}", calendar.hour, calendar.minute);
    switch (calendar.every) {
        case Every::hour:
            return format("hourly {}", calendar.minute);
        case Every::day:
            return "daily " + time;
        case Every::week:
            break;
    }
    return format("weekly {} {}", kDays[calendar.weekday], time);
}

Calendar parse_calendar(std::string_view text) {
    auto after = [&](std::string_view word) { return text.substr(word.size()); };
    if (text.starts_with("hourly ")) return hourly_at(after("hourly "));
    if (text.starts_with("daily ")) return daily_at(after("daily "));
    if (text.starts_with("weekly ")) return weekly_at(after("weekly "));
    refuse(text, "a schedule such as \"daily 03:15\"");
}

std::string to_systemd(const Calendar& calendar) {
    if (calendar.every == Every::hour) return format("*-*-* *:{:02}:00", calendar.minute);
    std::string day = calendar.every == Every::week ? format("{} ", kSystemdDays[calendar.weekday]) : "";
    return format("{}*-*-* {:02}:{:02}:00", day, calendar.hour, calendar.minute);
}

std::string to_cron(const Calendar& calendar) {
    if (calendar.every == Every::hour) return format("{} * * * *", calendar.minute);
    std::string day = calendar.every == Every::week ? std::to_string(calendar.weekday) : "*";
    return format("{} {} * * {}", calendar.minute, calendar.hour, day);
}

Timestamp next_time(const Calendar& calendar, Timestamp now) {
    std::time_t seconds = now.sec;
    std::tm local{};
    localtime_r(&seconds, &local);
    local.tm_sec = 0;
    local.tm_min = static_cast<int>(calendar.minute);
    if (calendar.every != Every::hour) local.tm_hour = static_cast<int>(calendar.hour);
    if (calendar.every == Every::week) local.tm_mday += static_cast<int>(calendar.weekday) - local.tm_wday;
    for (;;) {
        std::tm candidate = local;
        candidate.tm_isdst = -1;
        std::time_t at = std::mktime(&candidate);
        if (at > seconds) return {at, 0};
        if (calendar.every == Every::hour)
            ++local.tm_hour;
        else
            local.tm_mday += calendar.every == Every::week ? 7 : 1;
    }
}

}  // namespace icecore::schedule
