#pragma once

#include <vector>

#include "catalog/thaws.h"
#include "engine/environment.h"
#include "engine/fetch.h"

namespace icecore::engine {

/// What the set's target was asked for, by name and offset; nothing if there is none. Those that are under
/// way are looked at first (that costs nothing) if `ask_target`; where that fails, or a restore works on
/// them, `observer` is told. Throws Error where the ledger fails.
std::vector<catalog::Thaw> list_thaws(const Environment& env, const SetOptions& set, bool ask_target,
                                      const Fetch::OpenTarget& open_target, Observer& observer);

}  // namespace icecore::engine
