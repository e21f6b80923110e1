#include "cloud/glacier_reply.h"

#include <charconv>

#include "base/format.h"
#include "base/text.h"

namespace icecore::cloud {
namespace {

[[noreturn]] void wrong(std::string_view key, std::string_view expected) {
    throw Error(Error::Kind::corrupt, format("\"{}\" is not {}", key, expected));
}

const Json* find(const Json& object, std::string_view key) {
    if (!object.is_object()) throw Error(Error::Kind::corrupt, "the answer is not a JSON object");
    auto it = object.find(key);
    return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string require_text(const Json& object, std::string_view key) {
    std::string text = optional_text(object, key);
    if (text.empty()) wrong(key, "there, or it is empty");
    return text;
}

std::uint64_t optional_number(const Json& object, std::string_view key) {
    const Json* value = find(object, key);
    if (value == nullptr) return 0;
    if (!value->is_number_integer() || (!value->is_number_unsigned() && value->get<std::int64_t>() < 0))
        wrong(key, "a number of bytes or things");
    return value->get<std::uint64_t>();
}

std::uint64_t require_number(const Json& object, std::string_view key) {
    if (find(object, key) == nullptr) wrong(key, "there");
    return optional_number(object, key);
}

std::optional<Timestamp> optional_time(const Json& object, std::string_view key) {
    std::string text = optional_text(object, key);
    if (text.empty()) return std::nullopt;
    std::optional<Timestamp> time = parse_utc(text);
    if (!time) wrong(key, "a time");
    return time;
}

Digest optional_digest(const Json& object, std::string_view key) {
    std::string text = optional_text(object, key);
    return text.empty() ? Digest{} : parse_digest(text);
}

struct ByteRange {
    std::uint64_t offset;
    std::uint64_t length_bytes;
};

/// "0-4194303".
ByteRange parse_range(std::string_view text, std::string_view key) {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    const char* end = text.data() + text.size();
    auto [dash, error] = std::from_chars(text.data(), end, first);
    if (error != std::errc{} || dash == end || *dash != '-') wrong(key, "a range");
    auto [rest, error2] = std::from_chars(dash + 1, end, last);
    if (error2 != std::errc{} || rest != end || last < first || last == UINT64_MAX) wrong(key, "a range");
    return {first, last - first + 1};
}

}  // namespace

const Json& require_array(const Json& object, std::string_view key) {
    const Json* value = find(object, key);
    if (value == nullptr || !value->is_array()) wrong(key, "a list");
    return *value;
}

std::string optional_text(const Json& object, std::string_view key) {
    const Json* value = find(object, key);
    if (value == nullptr) return {};
    if (!value->is_string()) wrong(key, "a text");
    return value->get<std::string>();
}

Timestamp require_time(const Json& object, std::string_view key) {
    std::optional<Timestamp> time = optional_time(object, key);
    if (!time) wrong(key, "there");
    return *time;
}

Digest parse_digest(std::string_view hex) {
    std::optional<std::string> raw = from_hex(hex);
    if (!raw || raw->size() != 32) throw Error(Error::Kind::corrupt, "a tree hash is not one");
    return Digest::from_bytes(*raw);
}

std::string_view tier_name(GlacierTier tier) {
    switch (tier) {
        case GlacierTier::bulk:
            return "Bulk";
        case GlacierTier::standard:
            return "Standard";
        case GlacierTier::expedited:
            return "Expedited";
    }
    CHECK(false);
}

GlacierVault parse_vault(const Json& json) {
    GlacierVault vault;
    vault.name = require_text(json, "VaultName");
    vault.arn = require_text(json, "VaultARN");
    vault.created = require_time(json, "CreationDate");
    vault.last_inventory = optional_time(json, "LastInventoryDate");
    vault.archives = optional_number(json, "NumberOfArchives");
    vault.size_bytes = optional_number(json, "SizeInBytes");
    return vault;
}

GlacierPart parse_part(const Json& json) {
    ByteRange range = parse_range(require_text(json, "RangeInBytes"), "RangeInBytes");
    return {range.offset, range.length_bytes, parse_digest(require_text(json, "SHA256TreeHash"))};
}

GlacierUpload parse_upload(const Json& json) {
    return {require_text(json, "MultipartUploadId"), optional_text(json, "ArchiveDescription"),
            require_number(json, "PartSizeInBytes"), require_time(json, "CreationDate")};
}

bool is_known_job(const Json& json) {
    std::string action = require_text(json, "Action");
    return action == "ArchiveRetrieval" || action == "InventoryRetrieval";
}

GlacierJob parse_job(const Json& json) {
    GlacierJob job;
    job.id = require_text(json, "JobId");
    std::string action = require_text(json, "Action");
    std::string status = require_text(json, "StatusCode");
    if (!is_known_job(json)) wrong("Action", "a kind of job that is known");
    job.kind = action == "ArchiveRetrieval" ? GlacierJob::Kind::archive : GlacierJob::Kind::inventory;
    if (status == "Succeeded")
        job.status = GlacierJob::Status::succeeded;
    else if (status == "Failed")
        job.status = GlacierJob::Status::failed;
    else if (status != "InProgress")
        wrong("StatusCode", "a state that is known");
    job.message = optional_text(json, "StatusMessage");
    job.description = optional_text(json, "JobDescription");
    job.created = require_time(json, "CreationDate");
    job.completed = optional_time(json, "CompletionDate");
    job.tier = optional_text(json, "Tier");
    if (job.kind == GlacierJob::Kind::inventory) {
        job.inventory_bytes = optional_number(json, "InventorySizeInBytes");
        if (const Json* parameters = find(json, "InventoryRetrievalParameters")) {
            job.inventory_format = optional_text(*parameters, "Format");
            job.inventory_marker = optional_text(*parameters, "Marker");
            job.inventory_whole = optional_text(*parameters, "Limit").empty() &&
                                  optional_text(*parameters, "StartDate").empty() &&
                                  optional_text(*parameters, "EndDate").empty() &&
                                  job.inventory_marker.empty();
        }
        return job;
    }
    job.archive_id = require_text(json, "ArchiveId");
    job.archive_bytes = require_number(json, "ArchiveSizeInBytes");
    job.archive_tree_hash = optional_digest(json, "ArchiveSHA256TreeHash");
    job.range_tree_hash = optional_digest(json, "SHA256TreeHash");
    std::string range = optional_text(json, "RetrievalByteRange");
    ByteRange bytes =
        range.empty() ? ByteRange{0, job.archive_bytes} : parse_range(range, "RetrievalByteRange");
    job.range_offset = bytes.offset;
    job.range_bytes = bytes.length_bytes;
    return job;
}

GlacierInventoryEntry parse_inventory_entry(const Json& json) {
    return {require_text(json, "ArchiveId"), optional_text(json, "ArchiveDescription"),
            require_time(json, "CreationDate"), require_number(json, "Size"),
            parse_digest(require_text(json, "SHA256TreeHash"))};
}

}  // namespace icecore::cloud
