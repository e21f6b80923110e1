#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "engine/environment.h"
#include "engine/verify.h"
#include "store/target.h"

namespace icecore::engine {

struct RemoteVerifyResult {
    std::optional<Timestamp> as_of;  ///< the moment whose state the target told; none: now
    std::uint64_t files = 0;         ///< that are there as they should be
    std::uint64_t bytes = 0;
    std::uint64_t waiting = 0;   ///< not stored yet
    std::uint64_t unlisted = 0;  ///< stored too late to be listed for certain: nothing can be said of them
    std::uint64_t problems = 0;
    std::uint64_t remarks = 0;
};

/// Compares what the set's target lists with the catalogue: files that are missing or have another size or
/// checksum, files that nothing here knows, files that are there more than once. Retrieves nothing from a
/// cold store and costs nothing; a target that can be read for nothing is read. The outbox is put right: what
/// is missing offsite and here waits to be stored again. Throws Error, not_ready where the list takes hours.
RemoteVerifyResult verify_remote(const Environment& env, const SetOptions& set, store::Target& target,
                                 Observer& observer, const std::function<void(const Finding&)>& on_finding);

}  // namespace icecore::engine
