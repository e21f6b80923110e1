#pragma once

#include <cstdint>
#include <string_view>

namespace icecore::sim::glacier {

/// How long a job of `tier` takes ("Inventory" for inventory jobs): within the times that the service states,
/// and always the same for one `id`.
std::int64_t job_duration_sec(std::string_view tier, std::string_view id);

/// "Expedited", "Standard" or "Bulk".
bool is_tier(std::string_view tier);

}  // namespace icecore::sim::glacier
