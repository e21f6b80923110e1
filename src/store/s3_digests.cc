#include "store/s3_digests.h"

#include <optional>

#include "base/md5.h"
#include "base/stream_hash.h"
#include "base/text.h"

namespace icecore::store {
namespace {

constexpr std::string_view kSha256Name = "icecore-sha256";
constexpr std::string_view kTreeHashName = "icecore-tree-hash";

Digest digest_of(const cloud::S3Head& head, std::string_view name) {
    auto found = head.metadata.find(std::string(name));
    std::optional<std::string> raw = found == head.metadata.end() ? std::nullopt : from_hex(found->second);
    return raw && raw->size() == 32 ? Digest::from_bytes(*raw) : Digest{};
}

}  // namespace

S3Digests digests_of(const cloud::S3Head& head) {
    S3Digests out{digest_of(head, kSha256Name), digest_of(head, kTreeHashName)};
    // The service's own word counts more than what was written beside it. Of parts (the ETag has their
    // number) it is the hash of their hashes, also where a server (moto) leaves out that number in the
    // checksum.
    bool of_parts = head.checksum.parts > 0 || head.etag.find('-') != std::string::npos;
    if (!head.checksum.sha256.empty() && !of_parts) out.sha256 = head.checksum.sha256;
    return out;
}

std::map<std::string, std::string> metadata_of(const Upload& upload) {
    return {{std::string(kSha256Name), upload.sha256.hex()},
            {std::string(kTreeHashName), upload.tree_hash.hex()}};
}

S3Hashes hashes_of(PartContent& content, bool with_md5) {
    StreamHash hash;
    Md5 md5;
    content.visit([&](std::string_view piece) {
        hash.update(piece);
        if (with_md5) md5.update(piece);
    });
    Digests digests = hash.finish().whole;
    return {digests.sha256, digests.tree_hash, with_md5 ? md5.finish() : ""};
}

std::string md5_of(PartContent& content) {
    Md5 md5;
    content.visit([&](std::string_view piece) { md5.update(piece); });
    return md5.finish();
}

}  // namespace icecore::store
