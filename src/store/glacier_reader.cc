#include "store/glacier_reader.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/stream_hash.h"

namespace icecore::store {
namespace {

using cloud::GlacierClient;

constexpr unsigned kDownloadAttempts = 5;

}  // namespace

GlacierReader::GlacierReader(GlacierClient& client, const std::string& vault)
    : client_(client), vault_(vault) {}

void GlacierReader::set_piece_bytes(std::uint64_t piece_bytes) {
    CHECK(piece_bytes >= GlacierClient::kMegabyte && (piece_bytes & (piece_bytes - 1)) == 0);
    piece_bytes_ = piece_bytes;
}

void GlacierReader::read(const cloud::GlacierJob& job, std::uint64_t offset, std::uint64_t length_bytes,
                         const std::function<void(std::string_view)>& sink) {
    std::uint64_t end = offset + length_bytes;
    for (std::uint64_t at = offset; at < end;) {
        std::uint64_t length = piece_length(at, end);
        sink(download(job, at, length));
        at += length;
    }
}

/// The next piece at `offset`: as long as may be while it is a node of the hash tree, so that the service
/// tells its hash.
std::uint64_t GlacierReader::piece_length(std::uint64_t offset, std::uint64_t end) const {
    std::uint64_t length = piece_bytes_;
    while (length > GlacierClient::kMegabyte && (offset % length != 0 || offset + length > end)) {
        if (offset % length == 0 && offset + length > end) break;  // the last, shorter one
        length /= 2;
    }
    return std::min(length, end - offset);
}

/// A piece of the archive out of the job's output, in memory that the next piece uses again. What arrives
/// broken or damaged is asked for again.
std::string_view GlacierReader::download(const cloud::GlacierJob& job, std::uint64_t offset,
                                         std::uint64_t length_bytes) {
    for (unsigned attempt = 1;; ++attempt) {
        try {
            buffer_.clear();
            cloud::GlacierOutput output =
                client_.get_job_output(vault_, job.id, offset - job.range_offset, length_bytes,
                                       [this](std::string_view piece) { buffer_ += piece; });
            check(output, offset);
            return buffer_;
        } catch (const Error& e) {
            if (e.kind() == Error::Kind::not_found)
                throw Error(Error::Kind::not_ready,
                            format("what was thawed of vault {} can no longer be read", vault_),
                            "it must be thawed again");
            // What failed before its first byte came was tried again by the client.
            bool broken = e.kind() == Error::Kind::transient && !buffer_.empty();
            if ((!broken && e.kind() != Error::Kind::corrupt) || attempt == kDownloadAttempts) throw;
        }
    }
}

void GlacierReader::check(const cloud::GlacierOutput& output, std::uint64_t offset) const {
    if (output.tree_hash.empty()) return;
    if (digests_of(buffer_).tree_hash != output.tree_hash)
        throw Error(Error::Kind::corrupt,
                    format("{} bytes at {} came damaged from vault {}", buffer_.size(), offset, vault_));
}

}  // namespace icecore::store
