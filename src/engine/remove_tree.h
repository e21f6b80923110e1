#pragma once

#include <cstdint>
#include <string>

namespace icecore::engine {

/// Removes the directory `name` in the open directory `parent` with all below it, at any depth, following no
/// symbolic link and staying in its file system: what is mounted below is left and an Error. Memory: the
/// subdirectories of one directory a level. Returns how many names were removed. Throws Error at the first
/// failure.
std::uint64_t remove_tree(int parent, const std::string& name);

}  // namespace icecore::engine
