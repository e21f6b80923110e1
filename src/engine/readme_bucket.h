#pragma once

#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// The part of README.restore.txt that tells how to get the set's files out of its bucket with `aws`, thaw
/// included where the volumes' storage class needs one. Asks nothing of the bucket.
std::string bucket_text(const Environment& env, const SetOptions& set, const std::vector<catalog::Run>& runs);

}  // namespace icecore::engine
