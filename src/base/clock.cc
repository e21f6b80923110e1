#include "base/clock.h"

#include <array>
#include <ctime>

#include "base/format.h"

namespace icecore {
namespace {

constexpr std::int64_t kNsPerSec = 1'000'000'000;

constexpr std::int64_t kSecPerDay = 86'400;

/// File systems keep years that a `tm` has no room for after the addition.
std::int64_t year_of(const std::tm& tm) {
    return std::int64_t{tm.tm_year} + 1900;
}

/// nullopt: it is in no year that a `tm` can tell.
std::optional<std::tm> broken_down(Timestamp t, std::tm* (*convert)(const std::time_t*, std::tm*)) {
    std::time_t sec = t.sec;
    std::tm tm{};
    if (convert(&sec, &tm) == nullptr) return std::nullopt;
    return tm;
}

std::string date_and_time(const std::tm& tm, char between) {
    return format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", year_of(tm), tm.tm_mon + 1, tm.tm_mday, between,
                  tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/// A moment in no year that a `tm` can tell.
std::string seconds_text(Timestamp t) {
    return format("@{}", t.sec);
}

Timestamp read_clock(clockid_t id) {
    timespec ts{};
    clock_gettime(id, &ts);
    return {ts.tv_sec, static_cast<std::uint32_t>(ts.tv_nsec)};
}

/// Reads exactly `digits` decimal digits at the front of `text` and drops them.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
    if (text.size() < digits) return false;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    out = value;
    return true;
}

bool take_char(std::string_view& text, char c) {
    if (text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
}

int days_in_month(const std::tm& tm) {
    constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = tm.tm_year + 1900;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return kDays[static_cast<std::size_t>(tm.tm_mon)] + (leap && tm.tm_mon == 1 ? 1 : 0);
}

bool fields_in_range(const std::tm& tm) {
    return tm.tm_mon >= 0 && tm.tm_mon <= 11 && tm.tm_mday >= 1 && tm.tm_mday <= days_in_month(tm) &&
           tm.tm_hour <= 23 && tm.tm_min <= 59 && tm.tm_sec <= 60;
}

bool take_date(std::string_view& text, std::tm& tm) {
    if (!take_number(text, 4, tm.tm_year) || !take_char(text, '-') || !take_number(text, 2, tm.tm_mon) ||
        !take_char(text, '-') || !take_number(text, 2, tm.tm_mday))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return fields_in_range(tm);
}

/// Reads ".123456789" (1 to 9 digits).
bool take_fraction(std::string_view& text, std::uint32_t& nsec) {
    if (!take_char(text, '.')) return true;
    std::uint32_t scale = 100'000'000;
    std::size_t digits = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9' && digits < 9) {
        nsec += static_cast<std::uint32_t>(text[0] - '0') * scale;
        scale /= 10;
        text.remove_prefix(1);
        ++digits;
    }
    return digits > 0;
}

std::optional<Timestamp> parse_compact(std::string_view text) {
    std::tm tm{};
    if (!take_number(text, 4, tm.tm_year) || !take_number(text, 2, tm.tm_mon) ||
        !take_number(text, 2, tm.tm_mday) || !take_char(text, 'T') || !take_number(text, 2, tm.tm_hour) ||
        !take_number(text, 2, tm.tm_min) || !take_number(text, 2, tm.tm_sec) || text != "Z")
        return std::nullopt;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    if (!fields_in_range(tm)) return std::nullopt;
    return Timestamp{timegm(&tm), 0};
}

}  // namespace

double seconds_between(Timestamp a, Timestamp b) {
    return static_cast<double>(b.sec - a.sec) +
           (static_cast<double>(b.nsec) - static_cast<double>(a.nsec)) / 1e9;
}

Timestamp add_ns(Timestamp t, std::int64_t ns) {
    std::int64_t sec = ns / kNsPerSec;
    std::int64_t rest = ns % kNsPerSec + t.nsec;
    if (rest < 0) {
        rest += kNsPerSec;
        --sec;
    } else if (rest >= kNsPerSec) {
        rest -= kNsPerSec;
        ++sec;
    }
    return {t.sec + sec, static_cast<std::uint32_t>(rest)};
}

Timestamp SystemClock::now() const {
    return read_clock(CLOCK_REALTIME);
}

std::int64_t SystemClock::monotonic_ns() const {
    Timestamp t = read_clock(CLOCK_MONOTONIC);
    return t.sec * kNsPerSec + t.nsec;
}

std::string format_compact_utc(Timestamp t) {
    std::optional<std::tm> tm = broken_down(t, gmtime_r);
    if (!tm) return seconds_text(t);
    return format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", year_of(*tm), tm->tm_mon + 1, tm->tm_mday, tm->tm_hour,
                  tm->tm_min, tm->tm_sec);
}

std::string format_iso_utc(Timestamp t) {
    std::optional<std::tm> tm = broken_down(t, gmtime_r);
    if (!tm) return seconds_text(t);
    std::string out = date_and_time(*tm, 'T');
    if (t.nsec != 0) out += format(".{:09}", t.nsec);
    return out + "Z";
}

std::string format_local(Timestamp t) {
    std::optional<std::tm> tm = broken_down(t, localtime_r);
    return tm ? date_and_time(*tm, ' ') : seconds_text(t);
}

std::int64_t local_day(Timestamp t) {
    std::optional<std::tm> tm = broken_down(t, localtime_r);
    if (!tm) return t.sec / kSecPerDay;
    tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
    return timegm(&*tm) / kSecPerDay;  // a multiple: no rounding
}

std::string format_day(std::int64_t day) {
    return format_iso_utc({day * kSecPerDay, 0}).substr(0, 10);
}

std::optional<Timestamp> parse_utc(std::string_view text) {
    if (auto compact = parse_compact(text)) return compact;
    std::tm tm{};
    std::uint32_t nsec = 0;
    if (!take_date(text, tm) || !take_char(text, 'T') || !take_number(text, 2, tm.tm_hour) ||
        !take_char(text, ':') || !take_number(text, 2, tm.tm_min) || !take_char(text, ':') ||
        !take_number(text, 2, tm.tm_sec) || !take_fraction(text, nsec) || text != "Z" || !fields_in_range(tm))
        return std::nullopt;
    return Timestamp{timegm(&tm), nsec};
}

std::optional<Timestamp> parse_local(std::string_view text) {
    if (auto utc = parse_utc(text)) return utc;
    std::tm tm{};
    tm.tm_isdst = -1;
    if (!take_date(text, tm)) return std::nullopt;
    if (text.empty()) {
        tm.tm_hour = 23;
        tm.tm_min = 59;
        tm.tm_sec = 59;
        return Timestamp{mktime(&tm), 999'999'999};
    }
    if (!take_char(text, ' ') && !take_char(text, 'T')) return std::nullopt;
    if (!take_number(text, 2, tm.tm_hour) || !take_char(text, ':') || !take_number(text, 2, tm.tm_min))
        return std::nullopt;
    if (!text.empty() && (!take_char(text, ':') || !take_number(text, 2, tm.tm_sec))) return std::nullopt;
    if (!text.empty() || !fields_in_range(tm)) return std::nullopt;
    return Timestamp{mktime(&tm), 0};
}

}  // namespace icecore
