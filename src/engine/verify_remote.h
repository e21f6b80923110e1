#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/environment.h"
#include "engine/target_workers.h"
#include "engine/verify.h"
#include "store/target.h"

namespace icecore::engine {

/// How safe a restore point is offsite.
struct SafeSnapshot {
    catalog::RunNumber run = 0;
    bool complete = false;  ///< all that it needs is there, as it should be
    /// Until when nobody can delete any of it; none: there is something that can be deleted now.
    std::optional<Timestamp> locked_until;
};

struct RemoteVerifyResult {
    std::optional<Timestamp> as_of;  ///< the moment whose state the target told; none: now
    std::uint64_t files = 0;         ///< that are there as they should be
    std::uint64_t bytes = 0;
    std::uint64_t waiting = 0;   ///< not stored yet
    std::uint64_t unlisted = 0;  ///< stored too late to be listed for certain: nothing can be said of them
    std::uint64_t problems = 0;
    std::uint64_t remarks = 0;
    std::vector<SafeSnapshot> snapshots;  ///< by run
};

/// Compares what the set's target has with the catalogue: files that are missing, have another size or
/// checksum, were deleted but for an old version, are not locked as long as they should be, or not in the
/// storage class that they were put into; files that nothing here knows, and files that are there more than
/// once. By a list, and where that tells no digests or locks, one small request a file, several at a time.
/// Nothing is thawed or retrieved; a target that can be read for nothing is read.
///
/// The outbox is put right: what is missing offsite and here waits to be stored again, and how long each is
/// locked is known. `open_target` gives the set's target, or what stands for it in a test. Throws Error,
/// not_ready where the list takes hours.
RemoteVerifyResult verify_remote(const Environment& env, const SetOptions& set, const OpenTarget& open_target,
                                 Observer& observer, const std::function<void(const Finding&)>& on_finding);

}  // namespace icecore::engine
