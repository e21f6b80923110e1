#pragma once

#include <cstdint>
#include <string>

#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// A run whose manifest is missing or damaged, as the names of its files tell it.
struct LostManifest {
    catalog::RunNumber run = 0;
    archive::RunKind kind = archive::RunKind::full;
    std::string stem;
};

/// Makes the manifest of a run again from its archive alone, seals it, and records the run in `catalog`,
/// which must be at the run before it in its chain. A damaged manifest of that name must be out of the way.
///
/// What tar's extractor does is what is recorded: renames from the root's dumpdir, deletions by comparing
/// every listing with the tree so far, and an entry for each member, hashed as it is read. What no archive
/// holds is gone: inode numbers and ctimes (so the next run reads all files again, and stores none that is
/// the same), the log's totals, errors.
///
/// Returns the number of entries. Throws Error: not_found (a volume is missing), corrupt (one is damaged),
/// unsupported (deep units: their members' names are not those of the tree); then nothing is changed.
std::uint64_t recover_manifest(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
                               const LostManifest& lost);

}  // namespace icecore::engine
