#include "sim/s3/aws_chunked.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/format.h"
#include "base/text.h"
#include "sim/api_error.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kLineBytesMax = 8 << 10;
constexpr std::size_t kTrailersMax = 16;

[[noreturn]] void refuse_framing() {
    throw ApiError(400, "IncompleteBody",
                   "The request body terminated unexpectedly, or is not framed as aws-chunked");
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

void ChunkSigner::check(std::string_view signature, std::string_view to_sign) {
    if (to_hex(hmac_sha256(key_, to_sign)) != signature)
        throw ApiError(403, "SignatureDoesNotMatch",
                       "The chunk signature we calculated does not match the signature you provided.");
    previous_ = signature;
}

void ChunkSigner::check_chunk(std::string_view signature, const Digest& data) {
    check(signature, format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", amz_date_, scope_, previous_,
                            sha256("").hex(), data.hex()));
}

void ChunkSigner::check_trailer(std::string_view signature, std::string_view lines) {
    check(signature, format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}", amz_date_, scope_, previous_,
                            sha256(lines).hex()));
}

ChunkedBody::ChunkedBody(RequestBody& raw, std::uint64_t decoded_bytes, std::optional<ChunkSigner> signer)
    : raw_(raw), left_(decoded_bytes), signer_(std::move(signer)) {}

bool ChunkedBody::fill() {
    if (used_ < ahead_.size()) return true;
    used_ = 0;
    raw_.next(ahead_);
    return !ahead_.empty();
}

void ChunkedBody::take(char* to, std::size_t size) {
    while (size > 0) {
        if (!fill()) refuse_framing();
        std::size_t count = std::min(size, ahead_.size() - used_);
        std::memcpy(to, ahead_.view().data() + used_, count);
        used_ += count;
        to += count;
        size -= count;
    }
}

std::optional<std::string> ChunkedBody::line() {
    std::string out;
    while (fill()) {
        std::string_view rest = ahead_.view().substr(used_);
        std::size_t end = rest.find('\n');
        std::size_t count = std::min(end, rest.size());
        if (out.size() + count > kLineBytesMax) refuse_framing();
        out += rest.substr(0, count);
        used_ += count;
        if (end == std::string_view::npos) continue;
        ++used_;
        if (out.ends_with('\r')) out.pop_back();
        return out;
    }
    if (!out.empty()) refuse_framing();
    return std::nullopt;
}

/// "10000;chunk-signature=…", or "10000" where chunks are not signed.
void ChunkedBody::begin_chunk() {
    std::optional<std::string> head = line();
    if (!head) refuse_framing();
    std::string_view size = std::string_view(*head).substr(0, head->find(';'));
    auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), chunk_left_, 16);
    if (error != std::errc() || end != size.data() + size.size() || size.empty()) refuse_framing();
    constexpr std::string_view kSignature = "chunk-signature=";
    std::size_t at = head->find(kSignature);
    chunk_signature_ = at == std::string::npos ? "" : head->substr(at + kSignature.size());
    if (chunk_left_ > left_) refuse_framing();
}

void ChunkedBody::end_chunk() {
    Digest digest = chunk_hash_.finish();
    if (signer_) signer_->check_chunk(chunk_signature_, digest);
}

void ChunkedBody::next(Buffer& piece) {
    piece.clear();
    if (ended_) return;
    while (piece.size() < kPieceBytes) {
        if (chunk_left_ == 0) begin_chunk();
        if (chunk_left_ == 0) {  // the last one
            if (left_ > 0) refuse_framing();
            end_chunk();
            read_trailers();
            ended_ = true;
            return;
        }
        auto count =
            static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, kPieceBytes - piece.size()));
        char* to = piece.extend(count);
        take(to, count);
        if (signer_) chunk_hash_.update({to, count});
        chunk_left_ -= count;
        left_ -= count;
        if (chunk_left_ > 0) continue;
        end_chunk();
        if (line() != "") refuse_framing();
    }
}

void ChunkedBody::read_trailers() {
    std::string lines;
    std::string signature;
    while (std::optional<std::string> text = line()) {
        if (text->empty()) continue;
        std::size_t colon = text->find(':');
        if (colon == std::string::npos || trailers_.size() >= kTrailersMax) refuse_framing();
        std::string name = lower_case(trim(std::string_view(*text).substr(0, colon)));
        std::string value(trim(std::string_view(*text).substr(colon + 1)));
        if (name == "x-amz-trailer-signature") {
            signature = value;
            continue;
        }
        lines += format("{}:{}\n", name, value);
        trailers_[name] = value;
    }
    if (signer_ && !trailers_.empty()) signer_->check_trailer(signature, lines);
}

}  // namespace icecore::sim::s3
