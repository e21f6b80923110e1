#pragma once

#include <string>

#include "sim/glacier/call.h"

namespace icecore::sim::glacier {

/// The policy in the body {"Policy": "…"}: at most 20 KB of JSON text. Throws ApiError.
std::string policy_text(const Call& call);

}  // namespace icecore::sim::glacier
