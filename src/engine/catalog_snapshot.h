#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/outbox.h"
#include "engine/backup_dir.h"
#include "engine/environment.h"

namespace icecore::engine {

/// A copy of the catalogue as of a run, "STEM.catalog.zst", that is kept offsite: with it `recover` needs not
/// apply thousands of manifests one by one, and a manifest that is lost has a stand-in. A cache of a cache:
/// nothing needs it, and one that is not sound is passed over.
struct SnapshotName {
    std::string stem;
    catalog::RunNumber run = 0;
};
std::optional<SnapshotName> parse_snapshot_name(std::string_view set, std::string_view file_name);

/// Whether it is worth making another: the manifests stored since the last one are together as large as it
/// was, so all snapshots together never take more room offsite than the manifests. `items` are the
/// target's; `catalogue_bytes` the size of catalog.db.
bool snapshot_is_due(const std::vector<catalog::OutboxItem>& items, std::uint64_t catalogue_bytes);

/// Makes one in the backup directory, from where it is stored and then removed. Returns its name, or nothing
/// if the catalogue has no run. Throws Error.
std::optional<std::string> make_snapshot(const Environment& env, const SetOptions& set);

/// Makes the catalogue `path` from the snapshot `file`. False, and nothing is left there, if it is damaged,
/// of another set, newer than this program, or knows a run otherwise than the manifests here do.
bool open_snapshot(const SetOptions& set, const std::string& file, const std::string& path);

}  // namespace icecore::engine
