#pragma once

#include "cli/config_table.h"
#include "engine/environment.h"

namespace icecore::cli {

/// The `[set.target]` table: where the set's files are stored offsite. Throws UsageError as parse_config();
/// for a directory that lies in the set's own, too.
engine::TargetOptions read_target(ConfigTable& table, const engine::SetOptions& set);

/// The keys that the table may have, for a target of `type` ("s3", "glacier", "dir").
std::vector<std::string> target_keys(std::string_view type);

}  // namespace icecore::cli
