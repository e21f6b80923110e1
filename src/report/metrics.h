#pragma once

#include <string>
#include <string_view>

#include "report/run_facts.h"

namespace icecore::report {

/// The text of a file for Prometheus' node_exporter (its textfile collector) after a run: all samples of
/// `before`, the file's text so far, but those of this set, which are told anew. A time of the last success
/// that the run did not renew stays. What in `before` is none of ours is dropped.
/// Source: Prometheus, "Exposition formats", text format 0.0.4.
std::string metrics_text(std::string_view before, const RunFacts& facts);

}  // namespace icecore::report
