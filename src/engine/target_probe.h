#pragma once

#include <optional>

#include "engine/environment.h"

namespace icecore::engine {

/// What a first visit to a target has shown.
struct TargetProbe {
    /// The set has files there already, of a backup that was made before: nothing was written.
    bool inhabited = false;
    bool written = false;  ///< a small file, and the target confirmed its checksum
    bool read = false;     ///< and came back as it was
    bool removed = false;  ///< and is gone again
    /// What keeping 100 GiB of archives there costs a month, where that is known (expected_monthly_usd).
    std::optional<double> usd_of_100_gib;
};

/// Tries out what uploads will do, on a small file under the name of README.restore.txt: a key with the least
/// rights may write and read that one, and the next upload replaces it where it may not be removed. A vault
/// is asked only whether it is there and lets us in: what is stored there is paid for for 90 days, and comes
/// back after hours.
///
/// Throws what the target throws when it is not there, does not let us in or does not store.
TargetProbe probe_target(const Environment& env, const SetOptions& set, Observer& observer);

}  // namespace icecore::engine
