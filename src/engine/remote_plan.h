#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/volume.h"
#include "catalog/catalog.h"
#include "engine/environment.h"
#include "engine/restore.h"
#include "store/target.h"

namespace icecore::engine {

/// Where a restore reads volumes.
enum class RestoreFrom : std::uint8_t {
    automatic,  ///< the backup directory; the target for volumes that are not there or have another size
    local,      ///< the backup directory alone
    remote,     ///< the target alone
};

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
    bool operator==(const ByteRange&) const = default;
};

/// What is wanted of a volume from the target.
struct WantedVolume {
    archive::VolumeInfo info;
    archive::Compression::Method method = archive::Compression::Method::none;
    /// By the run's manifest. None if that is lost or contradicts the catalogue: then the volume is wanted
    /// whole.
    std::vector<archive::FrameSize> frames;
    std::vector<ByteRange> ranges;  ///< by offset, at least one; none touches another
};

struct RemotePlan {
    std::vector<WantedVolume> volumes;  ///< by run and number
    std::uint64_t ranges = 0;
    std::uint64_t bytes = 0;
};

/// The smallest set of ranges of volumes at the target from which `paths` (relative to the data directory;
/// none: everything) of a run can be restored, given what is here: the frames that hold something wanted,
/// widened to the target's alignment, and joined where that is cheaper at this tier. Without its run's
/// manifest a volume is wanted whole. Files whose content is not `needed` (none: all are) are left out.
/// Memory: the plan, which takes 8 bytes a frame (2 MiB a TiB of full frames). Throws Error{not_found} for a
/// path that is not in the run.
RemotePlan plan_remote(const SetOptions& set, const catalog::Catalog& catalog, catalog::RunNumber at,
                       const std::vector<std::string>& paths, RestoreFrom from,
                       const store::Capabilities& capabilities, store::ThawTier tier,
                       const ContentNeeded& needed = {});

}  // namespace icecore::engine
