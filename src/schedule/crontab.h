#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schedule/job.h"

namespace icecore::schedule {

/// A job in a crontab (crontab(5)) stands between two lines of comment that name it; everything else there is
/// somebody else's and stays as it is.
struct CronEntry {
    std::string name;  ///< Job::name()
    Calendar calendar;
};

/// The crontab with the job in it, in the place of an older entry of that name or at the end: a line for the
/// calendar, and one that catches up after the machine was off. `user` is the user that a crontab of the
/// system names in each line; empty for a user's own. Throws Error{invalid} for paths with a line break or
/// other control characters, which no crontab can hold.
std::string with_job(std::string_view crontab, const Job& job, std::string_view user);

/// The crontab without that job; the same if there is none.
std::string without_job(std::string_view crontab, std::string_view name);

/// The jobs in a crontab.
std::vector<CronEntry> jobs_of(std::string_view crontab);

}  // namespace icecore::schedule
