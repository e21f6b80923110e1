#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace icecore::cli {

/// What `icecore` alone prints: the commands, one line each.
std::string overview_text(const std::vector<std::unique_ptr<Command>>& commands);

/// What `icecore GROUP` prints, such as `icecore vault`: the group's commands, one line each.
std::string group_text(const std::vector<std::unique_ptr<Command>>& commands, std::string_view group);

/// `icecore COMMAND --help`: usage, description, options, example; no line is longer than 80 columns.
std::string help_text(Command& command);

}  // namespace icecore::cli
