#pragma once

#include <vector>

#include "catalog/thaws.h"
#include "engine/environment.h"

namespace icecore::engine {

/// What the set's target was asked for, by name and offset. Those that are under way are looked at first
/// (that costs nothing) if `ask_target`. Throws Error.
std::vector<catalog::Thaw> list_thaws(const Environment& env, const SetOptions& set, bool ask_target,
                                      Observer& observer);

}  // namespace icecore::engine
