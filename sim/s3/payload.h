#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/buffer.h"
#include "base/hash.h"
#include "sim/http_message.h"
#include "sim/s3/aws_chunked.h"
#include "sim/s3/checksum.h"

namespace icecore::sim::s3 {

/// What all the bytes of a body came to.
struct PayloadDigests {
    std::uint64_t size_bytes = 0;
    std::string md5;                             ///< raw
    std::optional<ChecksumAlgorithm> algorithm;  ///< the one that was claimed or asked for
    std::string checksum;                        ///< raw
};

/// The body of a request, and all that the request claims of it: x-amz-content-sha256, Content-MD5, one
/// x-amz-checksum-… in the head or in the trailer, the size of what is framed as aws-chunked. One thread at a
/// time.
class Payload {
  public:
    /// What the x-amz-checksum-… of the head are of.
    enum class ChecksumsOf : std::uint8_t { body, something_else };

    /// Throws ApiError for claims that are malformed or contradict each other. `request` and `raw` must
    /// outlive it; `signer` is used if chunks are signed.
    Payload(const Request& request, RequestBody& raw, ChunkSigner signer,
            ChecksumsOf checksums = ChecksumsOf::body);
    ~Payload();

    /// Of what is stored, without framing.
    std::uint64_t size_bytes() const { return size_bytes_; }
    /// Whether Content-MD5 or a checksum is claimed.
    bool is_protected() const { return md5_.has_value() || algorithm_.has_value(); }
    std::optional<ChecksumAlgorithm> algorithm() const { return algorithm_; }
    bool is_aws_chunked() const { return chunked_ != nullptr; }

    /// Gets each piece, in order.
    using Sink = std::function<void(const std::shared_ptr<const Buffer>&)>;
    /// Reads it all, with a checksum by `fallback` where none is claimed, and an MD5 if `with_md5` or one is
    /// claimed. Large ones are hashed by threads of their own. Throws ApiError where a claim does not hold,
    /// ConnectionLost, and what the sink throws. Once.
    PayloadDigests read(const Sink& sink, std::optional<ChecksumAlgorithm> fallback, bool with_md5);

  private:
    void take_content_hash(RequestBody& raw, ChunkSigner signer);
    void take_checksum();
    void check(const PayloadDigests& digests, const Digest& sha256) const;

    const Request& request_;
    RequestBody* body_;
    std::unique_ptr<ChunkedBody> chunked_;
    std::uint64_t size_bytes_ = 0;
    std::string content_hash_;        ///< hex, in lower case; empty: not claimed
    std::optional<std::string> md5_;  ///< raw
    std::optional<ChecksumAlgorithm> algorithm_;
    std::string checksum_;  ///< base64; empty: in the trailer
};

}  // namespace icecore::sim::s3
