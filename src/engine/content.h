#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_member.h"
#include "base/file.h"
#include "base/hash.h"

namespace icecore::engine {

/// Files up to this size are read whole into a batch; larger ones go in chunks, and only they are stored
/// sparse.
constexpr std::uint64_t kSmallFileBytesMax = 1 << 20;

/// How a regular file's content goes into the archive: all of it, or the regions that hold data.
struct ContentLayout {
    std::optional<std::vector<archive::SparseRegion>> sparse;
};
ContentLayout content_layout(int fd, const FileStat& stat);

/// Opens the regular file `name` in the directory `dir` for reading, without following a symbolic link or
/// blocking on a fifo, and without touching its access time where permitted. Empty Fd with errno set on
/// failure.
Fd open_for_reading(int dir, const char* name);

/// The map that stands before the data of a sparse member, as append_header writes it. It is part of the
/// digest of a sparse file: SHA-256 of map and regions (doc/format.md), so that 1 TiB of holes costs nothing.
std::string sparse_map_block(const std::vector<archive::SparseRegion>& regions);

/// What a file holds now, by reading it: digest (as it would be recorded), metadata and whether it is stored
/// sparse. nullopt if it cannot be read, is not a regular file, or does not hold still.
struct ContentFacts {
    FileStat stat;
    Digest sha256;
    std::string metadata;
    bool sparse = false;
    std::uint64_t read_bytes = 0;
};
std::optional<ContentFacts> read_content_facts(int root_fd, const std::string& path);

/// Whether an attribute or ACL of `before` is missing in `now`.
bool has_lost_attribute(const Metadata& before, const Metadata& now);

/// Same content state: size, times and inode equal.
bool same_state(const FileStat& a, const FileStat& b);

}  // namespace icecore::engine
