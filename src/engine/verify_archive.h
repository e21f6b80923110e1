#pragma once

#include <functional>
#include <string>

#include "archive/volume.h"
#include "engine/verify_log.h"

namespace icecore::engine {

/// Says whether an entry's place in the archive of an earlier run can be: that run is known, and its archive
/// is that long.
using EarlierPlaceExists = std::function<bool(const archive::Location&)>;

/// Reads a run's archive from end to end, in step with its manifest, and reports every entry that is not in
/// it as recorded, and every member that the manifest does not know. Pieces of some 16 MiB of tar are read by
/// several threads. After damage it goes on at the next member that can be found, and names all that are hit.
///
/// `run`: header and trailer of the manifest `manifest_path`. Returns the number of entries compared. Never
/// throws for damage. Memory: two pieces a thread, of at most 4,096 entries each.
std::uint64_t check_archive(const Environment& env, const std::string& dir, const catalog::Run& run,
                            const std::string& manifest_path, const EarlierPlaceExists& earlier_exists,
                            VerifyLog& log);

}  // namespace icecore::engine
