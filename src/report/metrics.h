#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/run_facts.h"

namespace icecore::report {

/// The text of a file for Prometheus' node_exporter (its textfile collector) after a run: all samples of
/// `before`, the file's text so far, that are of one of `sets`, but those of the run's, which are told anew.
/// A time of the last success that the run did not renew stays. Whatever else is in `before` is dropped.
/// Source: Prometheus, "Exposition formats", text format 0.0.4.
std::string metrics_text(std::string_view before, const std::vector<std::string>& sets,
                         const RunFacts& facts);

}  // namespace icecore::report
