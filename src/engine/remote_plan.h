#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/volume.h"
#include "catalog/catalog.h"
#include "engine/environment.h"
#include "store/target.h"

namespace icecore::engine {

/// Where a restore reads volumes.
enum class RestoreFrom : std::uint8_t {
    automatic,  ///< the backup directory; the target for volumes that are not there or have another size
    local,      ///< the backup directory alone
    remote,     ///< the target alone
};

/// A range of a volume that is wanted from the target.
struct WantedRange {
    archive::VolumeInfo volume;
    catalog::RunNumber run = 0;
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
};

struct RemotePlan {
    std::vector<WantedRange> ranges;  ///< by run, volume and offset; none touches another
    std::uint64_t volumes = 0;
    std::uint64_t bytes = 0;
};

/// The smallest set of ranges of volumes at the target from which `paths` (relative to the data directory;
/// none: everything) of a run can be restored, given what is here: the frames that hold something wanted,
/// widened to the target's alignment, and joined where that is cheaper at this tier. Without its run's
/// manifest a volume is wanted whole. Memory: the ranges, and the frame table of one volume. Throws
/// Error{not_found} for a path that is not in the run.
RemotePlan plan_remote(const SetOptions& set, const catalog::Catalog& catalog, catalog::RunNumber at,
                       const std::vector<std::string>& paths, RestoreFrom from,
                       const store::Capabilities& capabilities, store::ThawTier tier);

}  // namespace icecore::engine
