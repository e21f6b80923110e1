#pragma once

#include "cli/messages.h"
#include "engine/rebuild.h"

namespace icecore::cli {

/// Says which runs are there and not in the catalogue because newer ones have their numbers; nothing if there
/// are none.
void warn_of_superseded(Messages& messages, const engine::RebuildResult& result);

}  // namespace icecore::cli
