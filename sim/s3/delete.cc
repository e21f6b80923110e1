#include <algorithm>

#include "sim/s3/conditions.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/permissions.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kKeysMax = 1000;
constexpr const char* kBypass = "x-amz-bypass-governance-retention";

/// What became of a deletion.
struct Deleted {
    bool marker = false;         ///< a delete marker was made, or deleted
    std::string marker_id = {};  ///< its id, if it was made or deleted
    std::string version_id = {};
};

const Version* version_of(const Bucket& bucket, const std::string& key, const std::string& id) {
    auto found = bucket.keys.find(key);
    if (found == bucket.keys.end()) return nullptr;
    auto version = std::find_if(found->second.begin(), found->second.end(),
                                [&](const Version& candidate) { return candidate.id == id; });
    return version == found->second.end() ? nullptr : &*version;
}

/// For good; one that is not there is as good as deleted.
Deleted delete_version(Service& service, const Call& call, const Bucket& bucket, const std::string& key,
                       const std::string& id) {
    Deleted out{.version_id = id};
    note_deletion(service, bucket.name, key);
    const Version* version = version_of(bucket, key, id);
    if (version == nullptr) return out;
    check_deletable(call, *version);
    out.marker = version->delete_marker;
    if (out.marker) out.marker_id = id;
    service.storage.remove_version(bucket.name, key, id, call.now);
    return out;
}

/// Without a version: the object goes, or a delete marker hides it where the bucket keeps versions.
Deleted delete_current(Service& service, const Call& call, const Bucket& bucket, const std::string& key) {
    if (bucket.versioning == Versioning::never) {
        delete_version(service, call, bucket, key, "null");
        return {};
    }
    note_deletion(service, bucket.name, key);
    Version marker{.id = new_version_id(bucket), .delete_marker = true, .created = call.now};
    service.storage.put_version(bucket.name, key, marker);
    return {.marker = true, .marker_id = marker.id};
}

Deleted delete_one(Service& service, const Call& call, const Bucket& bucket, const std::string& key,
                   const std::optional<std::string>& id) {
    return id ? delete_version(service, call, bucket, key, *id) : delete_current(service, call, bucket, key);
}

/// If-Match of DeleteObject, and of a key of DeleteObjects.
void check_etag(const Bucket& bucket, const std::string& key, const std::string& etag) {
    if (etag.empty()) return;
    const Version* there = current_object(bucket, key);
    if (there == nullptr)
        throw ApiError(404, "NoSuchKey", "The specified key does not exist.", {{"Key", key}});
    if (etag != "*" && etag != '"' + there->etag + '"' && etag != there->etag)
        throw ApiError(412, "PreconditionFailed",
                       "At least one of the pre-conditions you specified did not hold",
                       {{"Condition", "If-Match"}});
}

}  // namespace

Response delete_object(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    check_etag(bucket, call.key, call.header("If-Match"));
    const std::string* id = call.parameter("versionId");
    Deleted deleted = delete_one(service, call, bucket, call.key,
                                 id == nullptr ? std::nullopt : std::optional<std::string>(*id));
    Response out = empty_response(204);
    if (deleted.marker) out.set("x-amz-delete-marker", "true");
    std::string shown = deleted.version_id.empty() ? deleted.marker_id : deleted.version_id;
    if (!shown.empty()) out.set("x-amz-version-id", shown);
    return out;
}

Response delete_objects(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    XmlRequest request(call.text, "Delete");
    bool quiet = child_text(request.root(), "Quiet").value_or("false") == "true";
    std::vector<pugi::xml_node> objects = children(request.root(), "Object");
    if (objects.empty() || objects.size() > kKeysMax) malformed_xml();
    XmlWriter xml("DeleteResult");
    for (const pugi::xml_node& object : objects) {
        // A key may begin and end with blanks.
        std::optional<std::string> key = child_text(object, "Key", Blanks::keep);
        std::optional<std::string> id = child_text(object, "VersionId");
        if (!key || key->empty()) malformed_xml();
        if (id && id->empty()) id.reset();
        try {
            check_allowed(service, call, permission_to_delete(call, *key, id.has_value()));
            if (call.header_is_true(kBypass)) check_allowed(service, call, permission_to_bypass(call, *key));
            check_etag(bucket, *key, child_text(object, "ETag").value_or(""));
            Deleted deleted = delete_one(service, call, bucket, *key, id);
            if (quiet) continue;
            xml.open("Deleted").text("Key", *key);
            if (id) xml.text("VersionId", *id);
            if (deleted.marker)
                xml.truth("DeleteMarker", true).text("DeleteMarkerVersionId", deleted.marker_id);
            xml.close("Deleted");
        } catch (const ApiError& error) {
            xml.open("Error").text("Key", *key);
            if (id) xml.text("VersionId", *id);
            xml.text("Code", error.code()).text("Message", error.message()).close("Error");
        }
    }
    return xml_response(xml.finish());
}

}  // namespace icecore::sim::s3
