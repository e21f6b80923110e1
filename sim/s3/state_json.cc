#include "sim/s3/state_json.h"

#include "base/error.h"
#include "base/text.h"

namespace icecore::sim::s3 {
namespace {

std::string get_text(const Json& json, const char* key) {
    return json.value(key, std::string());
}

std::uint64_t get_number(const Json& json, const char* key) {
    return json.value(key, std::uint64_t{0});
}

Timestamp get_time(const Json& json, const char* key) {
    return parse_utc(get_text(json, key)).value_or(Timestamp{});
}

StorageClass get_class(const Json& json) {
    return parse_storage_class(get_text(json, "class")).value();
}

Json texts_to_json(const std::map<std::string, std::string>& texts) {
    Json out = Json::object();
    for (const auto& [name, value] : texts) out[escape_path(name)] = escape_path(value);
    return out;
}

std::map<std::string, std::string> texts_from_json(const Json& json) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : json.items())
        out[unescape_path(name).value_or(name)] = unescape_path(value.get<std::string>()).value_or("");
    return out;
}

Json retention_to_json(const Retention& retention) {
    return {{"mode", retention.mode}, {"until", format_iso_utc(retention.until)}};
}

Retention retention_from_json(const Json& json) {
    return {json.at("mode").get<RetentionMode>(), get_time(json, "until")};
}

/// Only what is not as in a plain upload.
Json attributes_to_json(const Attributes& attributes) {
    Json out = {{"class", storage_class_name(attributes.storage_class)},
                {"encryption", attributes.encryption}};
    if (!attributes.headers.empty()) out["headers"] = texts_to_json(attributes.headers);
    if (!attributes.metadata.empty()) out["metadata"] = texts_to_json(attributes.metadata);
    if (!attributes.tags.empty()) out["tags"] = texts_to_json(attributes.tags);
    if (!attributes.kms_key.empty()) out["kms_key"] = escape_path(attributes.kms_key);
    if (attributes.retention.mode != RetentionMode::none)
        out["retention"] = retention_to_json(attributes.retention);
    if (attributes.legal_hold) out["legal_hold"] = true;
    return out;
}

Attributes attributes_from_json(const Json& json) {
    Attributes out;
    out.storage_class = get_class(json);
    out.encryption = get_text(json, "encryption");
    if (json.contains("headers")) out.headers = texts_from_json(json["headers"]);
    if (json.contains("metadata")) out.metadata = texts_from_json(json["metadata"]);
    if (json.contains("tags")) out.tags = texts_from_json(json["tags"]);
    out.kms_key = unescape_path(get_text(json, "kms_key")).value_or("");
    if (json.contains("retention")) out.retention = retention_from_json(json["retention"]);
    out.legal_hold = json.value("legal_hold", false);
    return out;
}

Json restore_to_json(const Restore& restore) {
    return {{"asked", format_iso_utc(restore.asked)},
            {"tier", restore.tier},
            {"days", restore.days},
            {"ready", format_iso_utc(restore.ready)},
            {"expiry", format_iso_utc(restore.expiry)}};
}

Restore restore_from_json(const Json& json) {
    return {get_time(json, "asked"), get_text(json, "tier"), get_number(json, "days"),
            get_time(json, "ready"), get_time(json, "expiry")};
}

}  // namespace

Json bucket_to_json(const Bucket& bucket) {
    return {{"name", bucket.name},
            {"region", bucket.region},
            {"created", format_iso_utc(bucket.created)},
            {"versioning", bucket.versioning},
            {"lock", bucket.lock_enabled},
            {"default_mode", bucket.default_retention.mode},
            {"default_days", bucket.default_retention.days},
            {"default_years", bucket.default_retention.years},
            {"documents", texts_to_json(bucket.documents)}};
}

Bucket bucket_from_json(const Json& json) {
    Bucket out;
    out.name = get_text(json, "name");
    out.region = get_text(json, "region");
    out.created = get_time(json, "created");
    out.versioning = json.at("versioning").get<Versioning>();
    out.lock_enabled = json.value("lock", false);
    out.default_retention = {json.at("default_mode").get<RetentionMode>(), get_number(json, "default_days"),
                             get_number(json, "default_years")};
    out.documents = texts_from_json(json.at("documents"));
    return out;
}

Json changes_to_json(const Version& version) {
    Json out = {{"class", storage_class_name(version.attributes.storage_class)},
                {"since", format_iso_utc(version.in_class_since)},
                {"moved", version.moved},
                {"tags", texts_to_json(version.attributes.tags)},
                {"retention", retention_to_json(version.attributes.retention)},
                {"legal_hold", version.attributes.legal_hold}};
    if (version.restore) out["restore"] = restore_to_json(*version.restore);
    return out;
}

void take_changes(const Json& json, Version& version) {
    version.attributes.storage_class = get_class(json);
    version.in_class_since = get_time(json, "since");
    version.moved = json.value("moved", false);
    version.attributes.tags = texts_from_json(json.at("tags"));
    version.attributes.retention = retention_from_json(json.at("retention"));
    version.attributes.legal_hold = json.value("legal_hold", false);
    version.restore =
        json.contains("restore") ? std::optional(restore_from_json(json["restore"])) : std::nullopt;
}

Json version_to_json(const Version& version) {
    Json out = {{"id", version.id}, {"created", format_iso_utc(version.created)}};
    if (version.delete_marker) {
        out["delete_marker"] = true;
        return out;
    }
    out["size"] = version.size_bytes;
    out["etag"] = version.etag;
    out["attributes"] = attributes_to_json(version.attributes);
    if (!version.checksum.value.empty())
        out["checksum"] = {{"algorithm", algorithm_name(version.checksum.algorithm)},
                           {"type", version.checksum.type},
                           {"value", version.checksum.value}};
    if (version.multipart) out["multipart"] = true;
    if (version.moved) out["moved"] = true;
    out["since"] = format_iso_utc(version.in_class_since);
    if (version.restore) out["restore"] = restore_to_json(*version.restore);
    Json parts = Json::array();
    for (const Part& part : version.parts) parts.push_back(part_to_json(part));
    out["parts"] = std::move(parts);
    return out;
}

Version version_from_json(const Json& json, const BlobFinder& blobs) {
    Version out;
    out.id = get_text(json, "id");
    out.created = get_time(json, "created");
    out.delete_marker = json.value("delete_marker", false);
    if (out.delete_marker) return out;
    out.size_bytes = get_number(json, "size");
    out.etag = get_text(json, "etag");
    out.attributes = attributes_from_json(json.at("attributes"));
    if (json.contains("checksum")) {
        const Json& checksum = json["checksum"];
        out.checksum = {parse_algorithm(get_text(checksum, "algorithm")).value(),
                        checksum.at("type").get<ChecksumType>(), get_text(checksum, "value")};
    }
    out.multipart = json.value("multipart", false);
    out.moved = json.value("moved", false);
    out.in_class_since = get_time(json, "since");
    if (json.contains("restore")) out.restore = restore_from_json(json["restore"]);
    for (const Json& part : json.at("parts")) out.parts.push_back(part_from_json(part, blobs));
    return out;
}

Json upload_to_json(const Upload& upload) {
    Json out = {{"id", upload.id},
                {"key", escape_path(upload.key)},
                {"initiated", format_iso_utc(upload.initiated)},
                {"attributes", attributes_to_json(upload.attributes)},
                {"type", upload.checksum_type}};
    if (upload.algorithm) out["algorithm"] = algorithm_name(*upload.algorithm);
    return out;
}

Upload upload_from_json(const Json& json) {
    Upload out;
    out.id = get_text(json, "id");
    out.key = unescape_path(get_text(json, "key")).value_or("");
    out.initiated = get_time(json, "initiated");
    out.attributes = attributes_from_json(json.at("attributes"));
    out.checksum_type = json.at("type").get<ChecksumType>();
    if (json.contains("algorithm")) out.algorithm = parse_algorithm(get_text(json, "algorithm"));
    return out;
}

Json part_to_json(const Part& part) {
    Json out = {{"number", part.number},
                {"blob", part.blob->id()},
                {"size", part.blob->size_bytes()},
                {"md5", part.md5},
                {"modified", format_iso_utc(part.modified)}};
    if (!part.checksum.empty()) out["checksum"] = part.checksum;
    return out;
}

Part part_from_json(const Json& json, const BlobFinder& blobs) {
    Part out;
    out.number = json.at("number").get<unsigned>();
    out.blob = blobs(get_text(json, "blob"), get_number(json, "size"));
    out.md5 = get_text(json, "md5");
    out.checksum = get_text(json, "checksum");
    out.modified = get_time(json, "modified");
    return out;
}

Json interval_to_json(const S3Interval& interval) {
    Json out = {{"what", interval.what},
                {"class", storage_class_name(interval.storage_class)},
                {"size", interval.size_bytes},
                {"begun", format_iso_utc(interval.begun)},
                {"ended", format_iso_utc(interval.ended)}};
    if (interval.gone) out["gone"] = true;
    if (interval.moved) out["moved"] = true;
    return out;
}

S3Interval interval_from_json(const Json& json) {
    return {.what = json.at("what").get<S3Interval::What>(),
            .storage_class = get_class(json),
            .size_bytes = get_number(json, "size"),
            .begun = get_time(json, "begun"),
            .ended = get_time(json, "ended"),
            .gone = json.value("gone", false),
            .moved = json.value("moved", false)};
}

}  // namespace icecore::sim::s3
