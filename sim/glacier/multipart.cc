#include <algorithm>

#include "base/format.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/incoming.h"
#include "sim/glacier/operations.h"
#include "sim/glacier/state_json.h"
#include "sim/random_id.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kPartsMax = 10'000;
constexpr std::uint64_t kPageMax = 50;
constexpr std::size_t kUploadIdLength = 92;

Upload& find_upload(const Service& service, Vault& vault, const std::string& id) {
    auto found = vault.uploads.find(id);
    if (found == vault.uploads.end())
        not_found(format("The upload ID was not found: {} in {}", id, vault_arn(service, vault.name)));
    return found->second;
}

/// The archive that the upload has become, or nullptr.
const Archive* completed_archive(const Vault& vault, const std::string& upload_id) {
    auto found = std::find_if(vault.archives.begin(), vault.archives.end(),
                              [&](const auto& entry) { return entry.second.upload_id == upload_id; });
    return found == vault.archives.end() ? nullptr : &found->second;
}

/// Keeps an upload from lapsing while one of its parts is received.
class ComingPart {
  public:
    /// Throws ApiError if the upload is not there.
    ComingPart(Service& service, const Call& call) : service_(service), call_(call) {
        std::lock_guard lock(service.mutex);
        Upload& upload = find_upload(service, find_vault(service, call), call.id);
        part_bytes_ = upload.part_bytes;
        ++upload.receiving;
    }
    ~ComingPart() {
        std::lock_guard lock(service_.mutex);
        auto vault = service_.vaults.find(call_.vault);
        if (vault == service_.vaults.end()) return;
        auto upload = vault->second.uploads.find(call_.id);
        if (upload != vault->second.uploads.end()) --upload->second.receiving;
    }
    ComingPart(const ComingPart&) = delete;
    ComingPart& operator=(const ComingPart&) = delete;
    std::uint64_t part_bytes() const { return part_bytes_; }

  private:
    Service& service_;
    const Call& call_;
    std::uint64_t part_bytes_ = 0;
};

/// The index of the part that Content-Range tells of. Throws ApiError where no part can lie there.
std::uint64_t part_index(const ByteRange& range, std::uint64_t part_bytes) {
    if (range.first % part_bytes != 0)
        invalid(format("Invalid Content-Range: {} does not begin at a multiple of the part size {}",
                       format_range(range), part_bytes));
    if (range.size_bytes() > part_bytes)
        invalid(format("Invalid Content-Range: {} is longer than the part size {}", format_range(range),
                       part_bytes));
    std::uint64_t index = range.first / part_bytes;
    if (index >= kPartsMax)
        invalid(format("Invalid Content-Range: {}. An upload has at most 10,000 parts", format_range(range)));
    return index;
}

/// Throws ApiError unless the parts are all of an archive of `size_bytes` with `tree_hash`.
void check_parts(const Upload& upload, std::uint64_t size_bytes, const Digest& tree_hash) {
    std::uint64_t at = 0;
    std::vector<Digest> hashes;
    for (const auto& [index, part] : upload.parts) {
        if (index * upload.part_bytes != at)
            invalid(format("The upload is not complete: bytes are missing from {} on", at));
        at += part.size_bytes;
        hashes.push_back(part.tree_hash);
    }
    if (at != size_bytes)
        invalid(format("Invalid x-amz-archive-size: {}. The parts have {} bytes", size_bytes, at));
    Digest computed = combine_tree_hashes(std::move(hashes));
    if (computed != tree_hash)
        invalid(format("Checksum mismatch: expected {} but received {}", computed.hex(), tree_hash.hex()));
}

Json describe(const Service& service, const Vault& vault, const Upload& upload) {
    return {{"MultipartUploadId", upload.id},
            {"VaultARN", vault_arn(service, vault.name)},
            {"ArchiveDescription", text_or_null(upload.description)},
            {"PartSizeInBytes", upload.part_bytes},
            {"CreationDate", api_time(upload.created)}};
}

}  // namespace

Response initiate_multipart_upload(Service& service, Call& call) {
    const std::string& size = required_header(call, "x-amz-part-size");
    std::optional<std::uint64_t> part_bytes = parse_decimal(size);
    if (!part_bytes || !valid_part_size(*part_bytes))
        invalid(format("Invalid part size: {}. It must be 1 MiB times a power of two, at most 4 GiB", size));
    std::string description;
    if (const std::string* header = call.request.header("x-amz-archive-description")) description = *header;
    check_description(description);
    Vault& vault = find_vault(service, call);
    Upload upload{random_id(kUploadIdLength), description, *part_bytes, call.now, call.now};
    service.storage.create_upload(vault, upload);
    Response out = empty_response(201);
    out.set("x-amz-multipart-upload-id", upload.id);
    out.set("Location", format("/{}/vaults/{}/multipart-uploads/{}", service.account, vault.name, upload.id));
    vault.uploads.emplace(upload.id, std::move(upload));
    return out;
}

Response upload_multipart_part(Service& service, Call& call) {
    const std::string& header = required_header(call, "Content-Range");
    std::optional<ByteRange> range = parse_content_range(header);
    if (!range) invalid(format("Invalid Content-Range: {}. Expected bytes FIRST-LAST/*", header));
    if (call.request.content_bytes && *call.request.content_bytes != range->size_bytes())
        invalid(
            format("Content-Range: {} is not as long as the body: {}", header, *call.request.content_bytes));
    ComingPart coming(service, call);
    std::uint64_t index = part_index(*range, coming.part_bytes());
    IncomingFile incoming(service, call);
    std::lock_guard lock(service.mutex);
    Vault& vault = find_vault(service, call);
    Upload& upload = find_upload(service, vault, call.id);
    upload.last_activity = std::max(upload.last_activity, call.now);
    service.storage.add_part(vault, upload, index, incoming.release());
    upload.parts[index] = {incoming.part().size_bytes, incoming.part().tree_hash};
    Response out = empty_response(204);
    out.set("x-amz-sha256-tree-hash", incoming.part().tree_hash.hex());
    return out;
}

Response complete_multipart_upload(Service& service, Call& call) {
    const std::string& size = required_header(call, "x-amz-archive-size");
    std::optional<std::uint64_t> size_bytes = parse_decimal(size);
    if (!size_bytes) invalid("Invalid x-amz-archive-size: " + size);
    Digest tree_hash = required_digest(call, "x-amz-sha256-tree-hash");
    Vault& vault = find_vault(service, call);
    const Archive* done = completed_archive(vault, call.id);
    if (done != nullptr && !done->deleted && after(done->created, kHourSec) > call.now) {
        if (done->size_bytes != *size_bytes || done->tree_hash != tree_hash)
            invalid("The upload was completed already, with another size or tree hash");
        return created_archive(service, *done, vault.name);
    }
    const Upload& upload = find_upload(service, vault, call.id);
    if (upload.parts.empty()) invalid("The upload has no parts");
    check_parts(upload, *size_bytes, tree_hash);
    Archive archive{new_archive_id(),  upload.description, call.now, *size_bytes,
                    upload.part_bytes, tree_hash,          upload.id};
    note_change(service, vault, call.now);
    service.storage.complete_upload(vault, archive);
    vault.uploads.erase(call.id);
    auto added = vault.archives.emplace(archive.id, std::move(archive)).first;
    return created_archive(service, added->second, vault.name);
}

Response abort_multipart_upload(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    if (completed_archive(vault, call.id) != nullptr) find_upload(service, vault, call.id);
    forget_upload(service, vault, call.id);
    return empty_response(204);
}

Response list_parts(Service& service, Call& call) {
    std::uint64_t limit = page_limit(call, kPageMax);
    Vault& vault = find_vault(service, call);
    const Upload& upload = find_upload(service, vault, call.id);
    auto part = upload.parts.begin();
    if (auto marker = call.query.find("marker"); marker != call.query.end()) {
        std::optional<std::uint64_t> offset = parse_decimal(marker->second);
        if (!offset || *offset % upload.part_bytes != 0) invalid("Invalid marker: " + marker->second);
        part = upload.parts.lower_bound(*offset / upload.part_bytes);
    }
    Json out = describe(service, vault, upload);
    out["Parts"] = Json::array();
    for (; part != upload.parts.end() && limit > 0; ++part, --limit) {
        std::uint64_t first = part->first * upload.part_bytes;
        out["Parts"].push_back({{"RangeInBytes", format_range({first, first + part->second.size_bytes - 1})},
                                {"SHA256TreeHash", part->second.tree_hash.hex()}});
    }
    out["Marker"] = part == upload.parts.end() ? Json() : Json(format("{}", part->first * upload.part_bytes));
    return json_response(out);
}

Response list_multipart_uploads(Service& service, Call& call) {
    std::uint64_t limit = page_limit(call, kPageMax);
    Vault& vault = find_vault(service, call);
    auto upload = vault.uploads.begin();
    if (auto marker = call.query.find("marker"); marker != call.query.end())
        upload = vault.uploads.lower_bound(marker->second);
    Json out = {{"UploadsList", Json::array()}, {"Marker", nullptr}};
    for (; upload != vault.uploads.end() && limit > 0; ++upload, --limit)
        out["UploadsList"].push_back(describe(service, vault, upload->second));
    if (upload != vault.uploads.end()) out["Marker"] = upload->first;
    return json_response(out);
}

}  // namespace icecore::sim::glacier
