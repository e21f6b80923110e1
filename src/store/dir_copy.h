#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/hash.h"
#include "store/target.h"

namespace icecore::store {

/// Reads `length_bytes` at `offset` of a file, in pieces of at most 1 MiB. Throws Error{corrupt} if it ends
/// before.
void read_pieces(int fd, std::uint64_t offset, std::uint64_t length_bytes,
                 const std::function<void(std::string_view)>& sink);

/// SHA-256 of the first `size_bytes` of a file as the disk has them: what the page cache holds of it is
/// dropped before, as far as it is written and the file system lets us (not tmpfs). Errors as of read_pieces.
Digest hash_on_disk(int fd, std::uint64_t size_bytes);

/// Copies `source` to the file `upload.name` in `dir`: see make_dir_target and Target::put. Every 64 MiB what
/// is written is made durable and noted in `resume`, and also when the source or `sent` stops the copy. What
/// an earlier copy left is hashed again, and copied anew if it turns out not to be what it should.
void copy_proven(FileSystem& fs, const std::string& dir, std::uint64_t checkpoint_bytes, const Upload& upload,
                 RandomAccessSource& source, ResumeState& resume,
                 const std::function<void(std::uint64_t)>& sent);

}  // namespace icecore::store
