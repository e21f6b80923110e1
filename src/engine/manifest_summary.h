#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/manifest.h"

namespace icecore::engine {

/// A manifest without its lists.
struct ManifestSummary {
    archive::ManifestHeader header;
    archive::ManifestTrailer trailer;
    std::uint64_t entries = 0;
    std::vector<Digest> frames;  ///< digest_of_frames of each volume, as far as the manifest has them
};

/// Reads the whole manifest, in little memory. Throws Error: what ManifestReader throws, and corrupt for
/// volumes or frames that are not in order.
ManifestSummary summarize_manifest(const std::string& path);

/// Stands for a volume's frame sizes, which may take megabytes.
Digest digest_of_frames(const std::vector<archive::FrameSize>& frames);

}  // namespace icecore::engine
