#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/hash.h"
#include "sim/glacier/state.h"
#include "sim/http_message.h"

namespace icecore::sim::glacier {

/// How bytes lie on disk: a part of an archive is a file of its bytes, then the SHA-256 of each MiB of them
/// (32 raw bytes each). So a part tells its size and its tree hash itself, completing an upload moves no
/// bytes, and a range's tree hash costs no reading of the range.

/// Name of the file of the part `index` in an archive's or upload's directory.
std::string part_name(std::uint64_t index);

struct ReceivedPart {
    std::uint64_t size_bytes = 0;
    Digest sha256;
    Digest tree_hash;
};

/// Reads all of `body` into the new file `name` in `dir`, with its hashes: two more threads share the work.
/// Memory: some MiB, and 32 bytes a MiB. Throws Error, ConnectionLost; nothing is left then.
ReceivedPart receive_part(RequestBody& body, FileSystem& file_system, const std::string& dir,
                          const std::string& name);

/// Of a file that receive_part made. Throws Error{corrupt} if it is none.
Part read_part(const std::string& path);

/// Reads `range` of the archive in the directory `dir`.
std::unique_ptr<BodySource> open_archive(std::string dir, const Archive& archive, const ByteRange& range);

/// The tree hash of `range`, which must be tree-hash aligned. Reads the hashes only.
Digest range_tree_hash(const std::string& dir, const Archive& archive, const ByteRange& range);

}  // namespace icecore::sim::glacier
