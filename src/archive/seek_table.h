#pragma once

#include <cstddef>
#include <cstdint>

#include "archive/frame.h"

// What the writer and the readers of volumes share beside frame.h; private to this module.

namespace icecore::archive {

/// Most frames in one volume: 4 TiB of tar at full frames, and a table of 8 MiB. It bounds what a reader
/// allocates.
constexpr std::size_t kVolumeFramesMax = 1 << 20;

/// Most stored bytes of a frame of `raw_bytes`, whatever the method: above the bounds that zstd and
/// libdeflate give for incompressible data.
constexpr std::uint64_t stored_bytes_max(std::uint64_t raw_bytes) {
    return raw_bytes + raw_bytes / 128 + 1024;
}

/// Length of encode_seek_table's result for `frames` frames.
std::uint64_t seek_table_bytes(Compression::Method method, std::size_t frames);

}  // namespace icecore::archive
