#pragma once

#include <optional>
#include <string>

namespace icecore {

/// Asks for a password on this process's terminal and does not show what is typed; a signal leaves the
/// terminal as it was. Nullopt if there is no answer (end of input, Ctrl-C).
std::optional<std::string> read_password(const std::string& question);

}  // namespace icecore
