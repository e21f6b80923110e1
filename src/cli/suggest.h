#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace icecore::cli {

/// How many insertions, deletions, substitutions and swaps of neighbours turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that `word` was probably meant to be, or "" if none is close.
std::string closest(std::string_view word, const std::vector<std::string>& candidates);

/// "did you mean WORD?" for the closest candidate, else `otherwise`. Quotes the word with `quote`.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                         std::string_view quote, std::string otherwise);

}  // namespace icecore::cli
