#pragma once

#include <string>
#include <string_view>

#include "engine/environment.h"

namespace icecore::cli {

/// `init --target`: "dir:DIR" (relative to `cwd`), "s3://BUCKET[/PREFIX]" or "glacier:VAULT", the last two
/// with more keys of the configuration as a query: "s3://b/p?region=eu-west-1&storage_class=GLACIER".
/// Returns the lines of its `[set.target]` table. Throws UsageError, also for what the configuration would
/// refuse.
std::string target_lines(const std::string& argument, const std::string& cwd);

/// What such lines say.
engine::TargetOptions parse_target_lines(const std::string& lines, const std::string& argument);

}  // namespace icecore::cli
