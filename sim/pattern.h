#pragma once

#include <string_view>

namespace icecore::sim {

/// Whether `text` is as `pattern` says, where '*' stands for any characters and '?' for one.
bool matches_pattern(std::string_view text, std::string_view pattern);

}  // namespace icecore::sim
