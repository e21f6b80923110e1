#pragma once

#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "catalog/outbox.h"
#include "engine/environment.h"
#include "engine/target_workers.h"

namespace icecore::engine {

/// Until when at least the files of each run must be locked at the target, so that every restore point stays
/// whole for `days` after its run: the last run of a chain needs all that came before it.
std::map<catalog::RunNumber, Timestamp> locks_needed(const std::vector<catalog::Run>& runs, unsigned days);

/// What a lock is made or extended to at `now`: an eighth longer than is needed, so that not every run has to
/// extend the locks of all older files, at a request each.
Timestamp lock_end(Timestamp now, unsigned days);

/// Who locks what is stored, and who is told.
struct LockWork {
    store::Target& target;
    /// More targets of the same place: the files are locked several at a time. None: one after the other.
    OpenTarget more;
    catalog::Outbox& outbox;
    std::function<bool()> stopped;  ///< any thread: to end soon
    /// One file could not be locked, and that is its own problem. One call at a time.
    std::function<void(const catalog::OutboxItem&, const Error&)> on_problem;
};

/// Locks files that are stored until `until` at least, 500 a second at most, and notes it in the outbox.
/// Throws what the target as a whole has against it; what was locked before that is noted.
void lock_stored(const Environment& env, Observer& observer, const LockWork& work,
                 std::vector<catalog::OutboxItem> items, Timestamp until);

}  // namespace icecore::engine
