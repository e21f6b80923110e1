#pragma once

#include "cli/session.h"
#include "report/set_report.h"

namespace icecore::cli {

/// How a set stands, with all its runs; none of them is told of yet. What cannot be read is a warning in it:
/// a report must also come from a set that is broken.
report::SetReport collect_report(Session& session, const engine::SetOptions& set);

/// Tells of the runs from history[first] on: reads their logs.
void tell_from(report::SetReport& report, std::size_t first);

/// The path of a run's log.
std::string log_path(const report::SetReport& report, const report::SetReport::Run& run);

}  // namespace icecore::cli
