#include "sim/s3/payload.h"

#include <algorithm>

#include "base/base64.h"
#include "base/format.h"
#include "base/md5.h"
#include "base/text.h"
#include "sim/api_error.h"
#include "sim/lane.h"

namespace icecore::sim::s3 {
namespace {

/// From that size on it pays to hash in threads.
constexpr std::uint64_t kLargeBytes = 2 << 20;

constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
constexpr std::string_view kSignedChunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
constexpr std::string_view kSignedChunksTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
constexpr std::string_view kUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

[[noreturn]] void refuse(std::string code, std::string message, ApiError::Details details = {}) {
    throw ApiError(400, std::move(code), std::move(message), std::move(details));
}

bool is_hash(std::string_view text) {
    return text.size() == 64 && from_hex(text).has_value();
}

/// One that runs by itself, or in the calling thread.
class Worker {
  public:
    Worker(std::function<void(std::string_view)> work, bool threaded) : work_(std::move(work)) {
        if (threaded) lane_ = std::make_unique<Lane>(work_);
    }
    void put(const std::shared_ptr<const Buffer>& piece) { lane_ ? lane_->put(piece) : work_(piece->view()); }
    void finish() {
        if (lane_) lane_->finish();
    }

  private:
    std::function<void(std::string_view)> work_;
    std::unique_ptr<Lane> lane_;
};

}  // namespace

Payload::Payload(const Request& request, RequestBody& raw, ChunkSigner signer, ChecksumsOf checksums)
    : request_(request), body_(&raw), size_bytes_(raw.left_bytes()) {
    take_content_hash(raw, std::move(signer));
    if (const std::string* md5 = request.header("Content-MD5")) {
        md5_ = from_base64(*md5);
        if (!md5_ || md5_->size() != 16)
            refuse("InvalidDigest", "The Content-MD5 you specified was invalid.");
    }
    if (checksums == ChecksumsOf::body) take_checksum();
}

Payload::~Payload() = default;

void Payload::take_content_hash(RequestBody& raw, ChunkSigner signer) {
    const std::string* header = request_.header("x-amz-content-sha256");
    if (header == nullptr) return;  // presigned
    bool signed_chunks = *header == kSignedChunks || *header == kSignedChunksTrailer;
    if (signed_chunks || *header == kUnsignedTrailer) {
        const std::string* announced = request_.header("x-amz-decoded-content-length");
        std::optional<std::uint64_t> size = announced ? parse_decimal(*announced) : std::nullopt;
        if (!size)
            throw ApiError(411, "MissingContentLength",
                           "You must provide the x-amz-decoded-content-length HTTP header.");
        size_bytes_ = *size;
        chunked_ = std::make_unique<ChunkedBody>(
            raw, *size, signed_chunks ? std::optional(std::move(signer)) : std::nullopt);
        body_ = chunked_.get();
    } else if (*header != kUnsigned) {
        if (!is_hash(*header))
            refuse("InvalidArgument",
                   "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                   "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a "
                   "valid sha256 value.",
                   {{"ArgumentName", "x-amz-content-sha256"}, {"ArgumentValue", *header}});
        content_hash_ = *header;
    }
}

void Payload::take_checksum() {
    for (ChecksumAlgorithm algorithm : kChecksumAlgorithms) {
        const std::string* value = request_.header(checksum_header(algorithm));
        if (value == nullptr) continue;
        if (algorithm_)
            refuse("InvalidRequest",
                   "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
        algorithm_ = algorithm;
        checksum_ = *value;
        if (!is_checksum_value(algorithm, *value))
            refuse("InvalidRequest", format("Value for {} header is invalid.", checksum_header(algorithm)));
    }
    if (const std::string* trailer = request_.header("x-amz-trailer")) {
        auto named = std::find_if(kChecksumAlgorithms.begin(), kChecksumAlgorithms.end(),
                                  [&](ChecksumAlgorithm a) { return checksum_header(a) == *trailer; });
        if (named == kChecksumAlgorithms.end() || !chunked_ || algorithm_)
            refuse("InvalidRequest", "The value specified in the x-amz-trailer header is not supported");
        algorithm_ = *named;
    }
    const std::string* named = request_.header("x-amz-sdk-checksum-algorithm");
    if (named == nullptr) return;
    std::optional<ChecksumAlgorithm> expected = parse_algorithm(*named);
    if (!expected) refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    if (algorithm_ != expected)
        refuse("InvalidRequest",
               "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
               "x-amz-trailer headers were found.");
}

PayloadDigests Payload::read(const Sink& sink, std::optional<ChecksumAlgorithm> fallback, bool with_md5) {
    PayloadDigests out;
    out.algorithm = algorithm_ ? algorithm_ : fallback;
    bool large = size_bytes_ >= kLargeBytes;
    Md5 md5;
    // What the signature is made with is SHA-256, too: it is computed once for both.
    bool same = out.algorithm == ChecksumAlgorithm::sha256 && !content_hash_.empty();
    std::unique_ptr<Hasher> checksum = out.algorithm && !same ? make_hasher(*out.algorithm) : nullptr;
    Sha256 linear;
    {
        Worker md5_worker([&](std::string_view data) { md5.update(data); }, large);
        Worker others(
            [&](std::string_view data) {
                if (!content_hash_.empty()) linear.update(data);
                if (checksum) checksum->update(data);
            },
            large);
        for (;;) {
            auto piece = std::make_shared<Buffer>();
            body_->next(*piece);
            if (piece->empty()) break;
            out.size_bytes += piece->size();
            if (with_md5 || md5_) md5_worker.put(piece);
            others.put(piece);
            sink(piece);
        }
        md5_worker.finish();
        others.finish();
    }
    if (with_md5 || md5_) out.md5 = md5.finish();
    Digest sha256 = linear.finish();
    if (checksum) out.checksum = checksum->finish();
    if (same) out.checksum = sha256.view();
    check(out, sha256);
    return out;
}

void Payload::check(const PayloadDigests& digests, const Digest& sha256) const {
    if (!content_hash_.empty() && sha256.hex() != content_hash_)
        refuse("XAmzContentSHA256Mismatch",
               "The provided 'x-amz-content-sha256' header does not match what was computed.",
               {{"ClientComputedContentSHA256", content_hash_}, {"S3ComputedContentSHA256", sha256.hex()}});
    if (md5_ && digests.md5 != *md5_)
        refuse("BadDigest", "The Content-MD5 you specified did not match what we received.",
               {{"ExpectedDigest", to_hex(*md5_)}, {"CalculatedDigest", to_hex(digests.md5)}});
    if (!algorithm_) return;
    std::string claimed = checksum_;
    if (claimed.empty()) {
        auto found = chunked_->trailers().find(checksum_header(*algorithm_));
        if (found == chunked_->trailers().end())
            refuse("MalformedTrailerError",
                   "The request contained trailing data that was not well-formed or did not conform to our "
                   "published schema.");
        claimed = found->second;
    }
    if (claimed != to_base64(digests.checksum))
        refuse("BadDigest", format("The {} you specified did not match the calculated checksum.",
                                   algorithm_name(*algorithm_)));
}

}  // namespace icecore::sim::s3
