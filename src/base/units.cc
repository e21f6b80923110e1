#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/format.h"

namespace icecore {
namespace {

/// Splits "12.5 GiB" into the number and the unit; nullopt when there is no number.
bool split_number(std::string_view text, double& number, std::string_view& unit) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    auto [end, ec] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (ec != std::errc{} || !std::isfinite(number) || number < 0)
        return false;  // "nan" and "inf" are numbers, too
    unit = text.substr(static_cast<std::size_t>(end - text.data()));
    while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
    struct Unit {
        std::string_view name;
        double factor;
    };
    static constexpr std::array kUnits = {
        Unit{"", 1},
        Unit{"B", 1},
        Unit{"k", 1024},
        Unit{"K", 1024},
        Unit{"KiB", 1024},
        Unit{"KB", 1e3},
        Unit{"kB", 1e3},
        Unit{"M", 1048576},
        Unit{"MiB", 1048576},
        Unit{"MB", 1e6},
        Unit{"G", 1073741824.0},
        Unit{"GiB", 1073741824.0},
        Unit{"GB", 1e9},
        Unit{"T", 1099511627776.0},
        Unit{"TiB", 1099511627776.0},
        Unit{"TB", 1e12},
    };
    double number = 0;
    std::string_view unit;
    if (!split_number(text, number, unit)) return std::nullopt;
    for (const Unit& u : kUnits) {
        if (u.name != unit) continue;
        double bytes = number * u.factor;
        if (bytes >= 9.2e18) return std::nullopt;
        return static_cast<std::uint64_t>(std::llround(bytes));
    }
    return std::nullopt;
}

std::optional<std::int64_t> parse_span(std::string_view text) {
    double number = 0;
    std::string_view unit;
    if (!split_number(text, number, unit) || unit.size() != 1 || number > 1e9) return std::nullopt;
    double factor = 0;
    switch (unit[0]) {
        case 's':
            factor = 1;
            break;
        case 'm':
            factor = 60;
            break;
        case 'h':
            factor = 3600;
            break;
        case 'd':
            factor = 86400;
            break;
        case 'w':
            factor = 7 * 86400;
            break;
        default:
            return std::nullopt;
    }
    return std::llround(number * factor);
}

std::string format_bytes(std::uint64_t bytes) {
    static constexpr std::array kNames = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1000) return format("{} B", bytes);
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < kNames.size()) {
        value /= 1024;
        ++unit;
    }
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return format("{:.{}f} {}", value, decimals, kNames[unit]);
}

std::string format_duration(double seconds) {
    if (seconds < 9.95) return format("{:.1f} s", seconds);
    auto total = static_cast<std::int64_t>(std::llround(seconds));
    if (total < 60) return format("{} s", total);
    if (total < 3600) return format("{} min {:02} s", total / 60, total % 60);
    return format("{} h {:02} min", total / 3600, total % 3600 / 60);
}

std::string format_count(std::uint64_t count) {
    std::string digits = format("{}", count);
    for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
    return digits;
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
    return format("{} {}", format_count(count), count == 1 ? one : many);
}

}  // namespace icecore
