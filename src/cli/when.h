#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"

namespace icecore::cli {

/// The run that WHEN means: a run number, "latest" (also ""), a date, a date with time (local, or UTC with
/// Z), or a span back from `now` such as "3d". A moment means the newest run that started at or before it;
/// runs that were interrupted hold a part of the tree and are passed over, unless there is no other.
/// `runs` ascend. Throws UsageError if `text` is none of these, Error{not_found} if there is no such run.
const catalog::Run& resolve_when(std::string_view text, const std::vector<catalog::Run>& runs, Timestamp now);

/// The span that an option was given, in seconds; nullopt for "". `option` ("--max-age") names it in the
/// UsageError for a text that is no span.
std::optional<std::int64_t> span_option(std::string_view option, std::string_view text);

}  // namespace icecore::cli
