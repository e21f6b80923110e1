#pragma once

#include <cstdint>
#include <string>

#include "base/file.h"

namespace icecore::archive {

/// Writes the bytes of the file `from`, as one zstd frame with a checksum, to the new file `name` of `dir`,
/// and seals it. Memory: zstd's window. Throws Error, exists if there is such a file.
void compress_file(FileSystem& fs, const std::string& from, const std::string& dir, const std::string& name);

/// The way back: writes what `from` holds to `to`, replacing it. Throws Error{corrupt} if it is damaged, cut,
/// or holds more than `bytes_max`.
void expand_file(const std::string& from, const std::string& to, std::uint64_t bytes_max);

}  // namespace icecore::archive
