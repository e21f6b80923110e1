#pragma once

#include <optional>
#include <string>
#include <vector>

#include "archive/volume.h"
#include "engine/verify_log.h"

namespace icecore::engine {

/// One volume to be checked.
struct VolumeToCheck {
    catalog::RunNumber run = 0;
    archive::ArchiveForm form;
    archive::VolumeInfo info;             ///< what is recorded of it
    std::optional<Digest> frames;         ///< digest_of_frames in the manifest
    std::vector<std::string> problems{};  ///< found
};

/// Reads the file once and tells what differs, a few words each: missing, size, SHA-256, tree hash, seek
/// table. Never throws for what it finds. Memory: 1 MiB and the seek table (at most 8 MiB). `log` is told of
/// progress only.
std::vector<std::string> check_volume(const std::string& dir, const VolumeToCheck& volume, VerifyLog& log);

}  // namespace icecore::engine
