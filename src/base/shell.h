#pragma once

#include <string>
#include <string_view>

namespace icecore {

/// For a POSIX shell: bare where that is the same, else 'text' in single quotes, whatever it holds.
std::string shell_quoted(std::string_view text);

}  // namespace icecore
