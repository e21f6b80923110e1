#include "cloud/http_date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "base/format.h"

namespace icecore::cloud {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::size_t kLength = 29;  // "Fri, 24 May 2013 00:00:00 GMT"

std::optional<int> number(std::string_view text) {
    int value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool whole = error == std::errc{} && end == text.data() + text.size() && value >= 0;
    return whole ? std::optional<int>(value) : std::nullopt;
}

}  // namespace

std::optional<Timestamp> parse_http_date(std::string_view text) {
    if (text.size() != kLength || !text.ends_with(" GMT")) return std::nullopt;
    auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
    auto day = number(text.substr(5, 2));
    auto year = number(text.substr(12, 4));
    auto hour = number(text.substr(17, 2));
    auto minute = number(text.substr(20, 2));
    auto second = number(text.substr(23, 2));
    if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
    std::tm tm{};
    tm.tm_year = *year - 1900;
    tm.tm_mon = static_cast<int>(month - kMonths.begin());
    tm.tm_mday = *day;
    tm.tm_hour = *hour;
    tm.tm_min = *minute;
    tm.tm_sec = *second;
    return Timestamp{timegm(&tm), 0};
}

std::string format_http_date(Timestamp time) {
    std::tm tm{};
    time_t seconds = time.sec;
    gmtime_r(&seconds, &tm);
    return format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(static_cast<std::size_t>(tm.tm_wday)),
                  tm.tm_mday, kMonths.at(static_cast<std::size_t>(tm.tm_mon)), tm.tm_year + 1900, tm.tm_hour,
                  tm.tm_min, tm.tm_sec);
}

}  // namespace icecore::cloud
