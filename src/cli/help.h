#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"

namespace icecore::cli {

/// What `icecore` alone prints: the commands, one line each.
std::string overview_text(const std::vector<std::unique_ptr<Command>>& commands);

/// `icecore COMMAND --help`: usage, description, options, example; no line is longer than 80 columns.
std::string help_text(Command& command);

}  // namespace icecore::cli
