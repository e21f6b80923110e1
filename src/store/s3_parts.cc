#include "store/s3_parts.h"

#include <exception>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/json_document.h"
#include "base/md5.h"
#include "base/text.h"
#include "cloud/s3_client.h"

namespace icecore::store {

using cloud::S3Client;

std::uint64_t s3_part_bytes(std::uint64_t size_bytes, std::uint64_t wanted_bytes, unsigned parts_max) {
    std::uint64_t bytes = kTreeHashLeafBytes;
    while (bytes < wanted_bytes || (size_bytes + bytes - 1) / bytes > parts_max) bytes *= 2;
    if (bytes > S3Client::kPartBytesMax)
        throw Error(Error::Kind::unsupported, format("the store takes no object of {} bytes", size_bytes),
                    "set a smaller volume_size");
    return bytes;
}

bool s3_part_bytes_fit(std::uint64_t part_bytes, std::uint64_t size_bytes, unsigned parts_max) {
    bool power = part_bytes >= kTreeHashLeafBytes && (part_bytes & (part_bytes - 1)) == 0;
    return power && part_bytes <= S3Client::kPartBytesMax &&
           (size_bytes + part_bytes - 1) / part_bytes <= parts_max;
}

Digest tree_hash_of(const std::vector<S3PartState>& parts) {
    std::vector<Digest> hashes;
    for (const S3PartState& part : parts) hashes.push_back(part.tree_hash);
    return combine_tree_hashes(std::move(hashes));
}

cloud::S3Checksum composite_of(const std::vector<S3PartState>& parts) {
    Sha256 hash;
    for (const S3PartState& part : parts) {
        if (part.sha256.empty()) return {};
        hash.update(part.sha256.view());
    }
    return {hash.finish(), static_cast<unsigned>(parts.size())};
}

std::string etag_of(const std::vector<S3PartState>& parts) {
    Md5 hash;
    for (const S3PartState& part : parts) {
        std::optional<std::string> raw = part.md5.empty() ? from_hex(part.etag) : part.md5;
        if (!raw || raw->size() != 16) return "";
        hash.update(*raw);
    }
    return format("{}-{}", to_hex(hash.finish()), parts.size());
}

std::string S3UploadNotes::name_of(std::size_t index, std::string_view etag) {
    return format("{} {}", index, etag);
}

S3UploadNotes S3UploadNotes::load(ResumeState& resume, const std::string& key, const Digest& sha256) {
    try {
        Json json = parse_json(resume.load());
        S3UploadNotes notes;
        notes.upload_id = json.at("upload").get<std::string>();
        notes.part_bytes = json.at("part_bytes").get<std::uint64_t>();
        notes.completing = json.at("completing").get<bool>();
        for (const auto& [name, hex] : json.at("parts").items()) {
            std::optional<std::string> raw = from_hex(hex.get<std::string>());
            if (raw && raw->size() == 32) notes.tree_hashes[name] = Digest::from_bytes(*raw);
        }
        bool ours =
            json.at("key").get<std::string>() == key && json.at("sha256").get<std::string>() == sha256.hex();
        if (ours) return notes;
    } catch (const std::exception&) {
    }
    return {};
}

void S3UploadNotes::save(ResumeState& resume, const std::string& key, const Digest& sha256) const {
    std::string text;
    JsonWriter json(text);
    json.begin_object().field("upload", upload_id).field("key", key).field("sha256", sha256.hex());
    json.field("part_bytes", part_bytes).field("completing", completing).key("parts").begin_object();
    for (const auto& [name, tree_hash] : tree_hashes) json.field(name, tree_hash.hex());
    json.end_object().end_object();
    resume.save(text);
}

}  // namespace icecore::store
