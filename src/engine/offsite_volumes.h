#pragma once

#include <optional>
#include <string>

#include "archive/volume_bytes.h"
#include "engine/environment.h"

namespace icecore::engine {

/// The set's target as a place to read volumes from that are missing or damaged in the backup directory;
/// nullopt if the set has none. The target is asked when a volume is opened; one that must be thawed first is
/// Error{not_ready}. `env`, `set` and `observer` (told of retries) must outlive it.
std::optional<archive::VolumeSource> offsite_volumes(const Environment& env, const SetOptions& set,
                                                     Observer& observer);

/// The cold target `identity` in a restore that has planned without it: for a volume that turns out to be
/// damaged here, says what can be done.
archive::VolumeSource frozen_volumes(std::string identity);

}  // namespace icecore::engine
