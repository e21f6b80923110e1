#pragma once

#include <map>
#include <optional>
#include <string>

#include "sim/policy.h"
#include "sim/s3/call.h"
#include "sim/s3/state.h"

namespace icecore::sim::s3 {

/// The bucket without its keys and uploads, to be changed and saved.
Bucket settings_of(const Bucket& bucket);

/// The policy of the bucket; nullopt if it has none.
std::optional<Policy> policy_of(const Bucket& bucket);

/// The tags of the XML of a request, at most `count_max`. Throws ApiError.
std::map<std::string, std::string> parse_tagging(const std::string& xml, std::size_t count_max);

}  // namespace icecore::sim::s3
