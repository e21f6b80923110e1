#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "cloud/glacier_client.h"

namespace icecore::store {

/// Downloads what jobs have made readable, in pieces that are nodes of the archive's hash tree, so that the
/// service tells the hash of each: a piece that comes broken or damaged is asked for again, and none is
/// passed on before it is proved. One thread at a time; the references must outlive it. Memory: one piece.
class GlacierReader {
  public:
    GlacierReader(cloud::GlacierClient& client, const std::string& vault);

    /// `piece_bytes`: what is asked for at a time, 1 MiB times a power of two.
    void set_piece_bytes(std::uint64_t piece_bytes);

    /// Reads bytes `offset` … `offset + length_bytes` of the archive, in order; `job`'s range must hold them.
    /// Throws Error{not_ready} if the job's output can no longer be read, Error{corrupt} for what comes
    /// damaged again and again. `sink` may have had pieces when an Error comes.
    void read(const cloud::GlacierJob& job, std::uint64_t offset, std::uint64_t length_bytes,
              const std::function<void(std::string_view)>& sink);

  private:
    std::uint64_t piece_length(std::uint64_t offset, std::uint64_t end) const;
    std::string_view download(const cloud::GlacierJob& job, std::uint64_t offset, std::uint64_t length_bytes);
    void check(const cloud::GlacierOutput& output, std::uint64_t offset) const;

    cloud::GlacierClient& client_;
    const std::string& vault_;
    std::uint64_t piece_bytes_ = 16 << 20;
    std::string buffer_;
};

}  // namespace icecore::store
