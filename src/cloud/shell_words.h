#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace icecore::cloud {

/// The words of a command line, as a POSIX shell would split it: quotes and backslashes count, nothing is
/// expanded, '#' begins no comment (Python's shlex.split). Throws Error{invalid} for a quote that is not
/// closed and for a backslash at the end.
std::vector<std::string> split_words(std::string_view command);

}  // namespace icecore::cloud
