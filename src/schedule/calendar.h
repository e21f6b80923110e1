#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace icecore::schedule {

/// When something is due, over and over, in this machine's local time.
struct Calendar {
    enum class Every : std::uint8_t { hour, day, week };
    Every every = Every::day;
    unsigned minute = 0;   ///< 0 to 59
    unsigned hour = 0;     ///< 0 to 23; not with Every::hour
    unsigned weekday = 0;  ///< 0 is Sunday; with Every::week only

    bool operator==(const Calendar&) const = default;
    /// From one time to the next, in seconds, the clock's changes in spring and autumn aside.
    std::int64_t period_seconds() const;
};

/// "03:15". Throws Error{invalid} that says what was expected, as the other two do.
Calendar daily_at(std::string_view time);
/// "sun 03:15".
Calendar weekly_at(std::string_view day_and_time);
/// A minute of the hour: "15".
Calendar hourly_at(std::string_view minute);

/// "hourly 15", "daily 03:15", "weekly sun 03:15".
std::string to_text(const Calendar& calendar);
/// What to_text made. Throws Error{invalid}.
Calendar parse_calendar(std::string_view text);

/// As systemd.time(7) writes it: "*-*-* 03:15:00".
std::string to_systemd(const Calendar& calendar);
/// The five time fields of crontab(5): "15 3 * * *".
std::string to_cron(const Calendar& calendar);

/// The first time after `now`.
Timestamp next_time(const Calendar& calendar, Timestamp now);

}  // namespace icecore::schedule
