#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace icecore::sim {

/// nullopt if there is no such file.
std::optional<std::string> read_if_there(const std::string& path);

/// Writes a file whole or not at all, whenever the process is killed (the machine is trusted to stay up).
void write_whole(const std::string& path, std::string_view text);

/// Appends a line. One that was cut by a kill is the last one, and lacks its line feed: it is taken away
/// first.
void append_line(const std::string& path, std::string_view line);

}  // namespace icecore::sim
