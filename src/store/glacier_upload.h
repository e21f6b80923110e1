#pragma once

#include <functional>
#include <string>

#include "store/glacier_target.h"

namespace icecore::store {

/// Whose the unfinished uploads are that have the description of one that is to be stored.
enum class SameDescription : std::uint8_t {
    ours,     ///< nobody else stores under it: they are gone on with, or given up
    anybodys  ///< only one that `resume` knows, or whose reply was lost just now, is ours
};

/// Stores `source` as an archive of the vault and returns its id; Target::put() of a vault. `options` need
/// neither host nor set.
std::string upload_to_vault(const GlacierTargetOptions& options, const std::string& description,
                            SameDescription same, const Upload& upload, RandomAccessSource& source,
                            ResumeState& resume, const std::function<void(std::uint64_t)>& sent);

struct StoredStream {
    std::string archive_id;
    std::uint64_t size_bytes = 0;
    Digest tree_hash;
};

/// Stores what `read` gives, whose length is known only at its end (read() returns less than it was asked
/// for), as an archive. It goes out in parts of `options.part_bytes_min` while it is read, up to
/// `options.connections` at a time; one that is shorter than a part goes in one request. An upload that fails
/// is given up: a stream cannot be read again. Memory: a part for each connection and the one that is read.
/// Throws Error{unsupported} for an empty one and one of more than 10,000 parts; what `read` throws.
StoredStream upload_stream_to_vault(const GlacierTargetOptions& options, const std::string& description,
                                    const std::function<std::size_t(char*, std::size_t)>& read,
                                    const std::function<void(std::uint64_t)>& sent);

}  // namespace icecore::store
