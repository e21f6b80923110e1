#pragma once

#include "base/file.h"
#include "engine/environment.h"

namespace icecore::engine {

/// Writes README.restore.txt into the backup directory, unless the same text is there: how to restore with
/// cat, zstd and tar alone.
void write_readme(FileSystem& fs, const SetOptions& set);

}  // namespace icecore::engine
