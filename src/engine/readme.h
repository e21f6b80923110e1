#pragma once

#include <vector>

#include "base/file.h"
#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// Writes README.restore.txt into the backup directory, unless the same text is there: how to restore with
/// cat, zstd and tar alone. If the set's target is a bucket it also tells how to get the files from there
/// with `aws`: the volumes of the last chain of `runs` (ascending), as many as are of use to a reader, by
/// name, older chains by pattern; so its size is bounded.
void write_readme(const Environment& env, const SetOptions& set, const std::vector<catalog::Run>& runs);

}  // namespace icecore::engine
