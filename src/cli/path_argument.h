#pragma once

#include <string>
#include <string_view>

namespace icecore::cli {

/// `path` made absolute at `cwd` (itself absolute), normalised by lexically_normal.
std::string absolute_path(std::string_view path, std::string_view cwd);

/// An absolute path without ".", doubled and trailing slashes; ".." takes the component before it away. Does
/// not look at the file system.
std::string lexically_normal(std::string_view path);

/// A user's PATH as a path relative to the data directory ("" is the directory itself): relative, or absolute
/// inside `data_dir`. "." and doubled and trailing slashes are dropped. Throws UsageError for "..", an empty
/// text, and absolute paths outside.
std::string data_path(std::string_view text, std::string_view data_dir);

}  // namespace icecore::cli
