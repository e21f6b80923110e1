#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schedule/job.h"

namespace icecore::schedule {

/// How much later than due a timer may start the run, drawn by lot so that not all machines ask at once.
constexpr unsigned kDelayMinutesMax = 15;

/// The service, NAME.service: one run of the job, with low priority, in a sandbox where only
/// `writable_dirs` can be written and `data_dirs` cannot; without one if it runs hooks. `system`: for the
/// system's manager, as root; else for a user's own, where most of the sandbox is not to be had. Source:
/// systemd.exec(5), version 252. Throws Error{invalid} for a path that a unit cannot name (quotes,
/// backslashes, control characters).
std::string service_unit(const Job& job, bool system);

/// The timer, NAME.timer: catches up after the machine was off.
std::string timer_unit(const Job& job);

/// The calendar of a unit that timer_unit made; nullopt if it is somebody else's.
std::optional<Calendar> calendar_of_unit(std::string_view text);

}  // namespace icecore::schedule
