#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/vault.h"

namespace icecore::engine {

/// Brings an archive's bytes out of a job that is done. Every piece, and the whole, is compared with the tree
/// hash that the service tells. `piece_bytes`: what is downloaded at a time, 1 MiB times a power of two.
///
/// Throws Error{not_ready} if the job's output can no longer be read, Error{corrupt} if what came is not what
/// was stored.

/// Into the file `path`, which appears, or is replaced, when all of it is there and on disk. A download that
/// was stopped goes on.
void retrieve_to_file(OpenVault& vault, const cloud::GlacierJob& job, const std::string& path,
                      std::uint64_t piece_bytes);

/// In order, to `sink`, which has had everything when a wrong hash of the whole turns up.
void retrieve_to_stream(OpenVault& vault, const cloud::GlacierJob& job, std::uint64_t piece_bytes,
                        const std::function<void(std::string_view)>& sink);

/// Whether the file `path` is there and has these bytes.
bool file_has(const std::string& path, std::uint64_t size_bytes, const Digest& tree_hash);

}  // namespace icecore::engine
