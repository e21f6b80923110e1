#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace icecore::engine {

/// The date, and perhaps the time, that a file name holds.
struct NameTime {
    Timestamp time;  ///< without a time of day: the day's beginning
    bool has_time = false;
};

/// Finds "2024-05-01", "20240501", "2024_05_01", "2024.05.01", with "T", "_", "-", "." or a blank and
/// "03:15", "0315", "03-15-59", … after it. Local time; UTC if a "Z" follows. nullopt if there is none.
std::optional<NameTime> time_in_name(std::string_view name);

/// Less than: as a person orders names, numbers by their value ("a2" before "a10").
bool natural_less(std::string_view a, std::string_view b);

/// What is known of when an archive was made.
struct DatedName {
    std::string name;
    Timestamp mtime;      ///< of the file
    Timestamp time = {};  ///< result: when it was made, as far as can be told
    bool time_from_name = false;
};

/// Puts archives into the order in which they were made: by the times in their names if each has one, else by
/// mtime; names decide between equal times. A date without time is made exact by an mtime of that day.
void order_by_time(std::vector<DatedName>& archives);

}  // namespace icecore::engine
