#pragma once

#include <map>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"

namespace icecore::engine {

/// Until when at least the files of each run must be locked at the target, so that every restore point stays
/// whole for `days` after its run: the last run of a chain needs all that came before it.
std::map<catalog::RunNumber, Timestamp> locks_needed(const std::vector<catalog::Run>& runs, unsigned days);

/// What a lock is made or extended to at `now`: an eighth longer than is needed, so that not every run has to
/// extend the locks of all older files, at a request each.
Timestamp lock_end(Timestamp now, unsigned days);

}  // namespace icecore::engine
