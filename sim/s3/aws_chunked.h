#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "sim/http_message.h"

namespace icecore::sim::s3 {

/// Checks the signatures of chunks and trailers, each of which covers the one before (Amazon S3, "Signature
/// calculations for the Authorization header: transferring payload in multiple chunks").
class ChunkSigner {
  public:
    /// `key` is the signing key, `seed` the signature of the request's head.
    ChunkSigner(std::string key, std::string amz_date, std::string scope, std::string seed)
        : key_(std::move(key)),
          amz_date_(std::move(amz_date)),
          scope_(std::move(scope)),
          previous_(std::move(seed)) {}

    /// Throws ApiError{403 SignatureDoesNotMatch}.
    void check_chunk(std::string_view signature, const Digest& data);
    /// `lines` are "name:value\n".
    void check_trailer(std::string_view signature, std::string_view lines);

  private:
    void check(std::string_view signature, std::string_view to_sign);

    std::string key_;
    std::string amz_date_;
    std::string scope_;
    std::string previous_;
};

/// A body that came with Content-Encoding aws-chunked, without its framing. Throws ApiError for what is not
/// framed well, for wrong signatures, and for another size than was announced.
class ChunkedBody final : public RequestBody {
  public:
    /// `raw` must outlive it. With a `signer` each chunk must be signed; with `trailer` a signed body's
    /// trailer must be, too.
    ChunkedBody(RequestBody& raw, std::uint64_t decoded_bytes, std::optional<ChunkSigner> signer);

    /// What was announced and has not come yet.
    std::uint64_t left_bytes() const override { return left_; }
    void next(Buffer& piece) override;

    /// After the last byte: what followed it, names in lower case.
    const std::map<std::string, std::string>& trailers() const { return trailers_; }

  private:
    /// A line without its end; nullopt at the end of everything.
    std::optional<std::string> line();
    bool fill();
    void take(char* to, std::size_t size);
    void begin_chunk();
    void end_chunk();
    void read_trailers();

    RequestBody& raw_;
    std::uint64_t left_;
    std::optional<ChunkSigner> signer_;
    Buffer ahead_;
    std::size_t used_ = 0;  ///< of `ahead_`
    std::uint64_t chunk_left_ = 0;
    std::string chunk_signature_;
    Sha256 chunk_hash_;
    bool ended_ = false;
    std::map<std::string, std::string> trailers_;
};

}  // namespace icecore::sim::s3
