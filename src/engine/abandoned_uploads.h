#pragma once

#include <vector>

#include "engine/environment.h"
#include "store/target.h"

namespace icecore::engine {

/// Puts of this set that were begun more than a day ago and that no upload of this machine will go on with:
/// what the set's outbox still has under way is none of them. Oldest first. Asks the target. Throws Error.
std::vector<store::UnfinishedUpload> abandoned_uploads(const Environment& env, const SetOptions& set,
                                                       store::Target& target);

struct AbortResult {
    std::vector<store::UnfinishedUpload> aborted;
    std::vector<std::string> problems;
};

/// Gives them up: what has arrived of them is removed. Not while an upload is going on (Error{denied}).
AbortResult abort_abandoned(const Environment& env, const SetOptions& set, store::Target& target);

}  // namespace icecore::engine
