#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace icecore::testing {

/// Opens the directory `name` in the open directory `parent`, not following a link. Throws Error naming
/// `shown`.
Fd open_directory_at(int parent, const char* name, std::string_view shown);

/// Names in an open directory (no "." and ".."), sorted by bytes. Throws Error.
std::vector<std::string> names_in(int dir);

/// Removes `name` in the open directory `parent`, with everything below it: any depth, any modes, two
/// descriptors. What does not exist is no error. Throws Error.
void remove_tree_at(int parent, const std::string& name);

}  // namespace icecore::testing
