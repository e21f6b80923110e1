#include <functional>
#include <optional>

#include "base/base64.h"
#include "base/format.h"
#include "base/md5.h"
#include "base/text.h"
#include "sim/s3/conditions.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::uint64_t kCopyBytesMax = std::uint64_t{5} << 30;

/// "BUCKET/KEY" or "/BUCKET/KEY", percent-encoded, with "?versionId=…" or not.
struct Source {
    std::string bucket;
    std::string key;
    std::optional<std::string> version_id;
};

Source parse_source(const Call& call) {
    std::string_view text = *call.request.header("x-amz-copy-source");
    Source out;
    constexpr std::string_view kVersion = "?versionId=";
    if (std::size_t at = text.find(kVersion); at != std::string_view::npos) {
        out.version_id = percent_decode(text.substr(at + kVersion.size()));
        text = text.substr(0, at);
    }
    std::optional<std::string> path = percent_decode(text);
    if (path && path->starts_with('/')) path->erase(0, 1);
    std::size_t slash = path ? path->find('/') : std::string::npos;
    if (slash == std::string::npos || slash == 0 || slash + 1 == path->size())
        invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                         "x-amz-copy-source", std::string(text));
    out.bucket = path->substr(0, slash);
    out.key = path->substr(slash + 1);
    return out;
}

/// The version that is copied. Its own conditions have names of their own.
const Version& find_source(const Service& service, const Call& call, const Source& source) {
    Call of_source{call.request, call.payload, call.clock, call.now, source.bucket, source.key};
    if (source.version_id) of_source.query["versionId"] = *source.version_id;
    const Version& version = find_object(find_bucket(service, of_source), of_source);
    std::string match = call.header("x-amz-copy-source-if-match");
    std::string none = call.header("x-amz-copy-source-if-none-match");
    auto same = [&](const std::string& etag) {
        return etag == version.etag || etag == '"' + version.etag + '"';
    };
    if ((!match.empty() && !same(match)) || (!none.empty() && same(none)))
        throw ApiError(412, "PreconditionFailed",
                       "At least one of the pre-conditions you specified did not hold",
                       {{"Condition", "x-amz-copy-source-If-Match"}});
    if (!is_readable(version, call.now))
        throw ApiError(403, "InvalidObjectState",
                       "Operation is not valid for the source object's storage class",
                       {{"StorageClass", std::string(storage_class_name(version.attributes.storage_class))}});
    if (version.size_bytes > kCopyBytesMax)
        invalid_request(
            format("The specified copy source is larger than the maximum allowable size for a copy "
                   "source: {}",
                   kCopyBytesMax));
    return version;
}

void read_bytes(const Version& version, const std::function<void(std::string_view)>& sink) {
    std::vector<std::shared_ptr<Blob>> blobs;
    for (const Part& part : version.parts) blobs.push_back(part.blob);
    std::unique_ptr<BodySource> bytes = open_blobs(std::move(blobs), 0);
    std::string buffer;
    for (std::uint64_t at = 0; at < version.size_bytes; at += buffer.size()) {
        buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(1 << 20, version.size_bytes - at)));
        bytes->read(at, buffer.data(), buffer.size());
        sink(buffer);
    }
}

/// A checksum of the whole: the source's own, or one by the algorithm that is asked for.
Checksum checksum_of_copy(const Version& source, std::optional<ChecksumAlgorithm> algorithm) {
    const Checksum& old = source.checksum;
    if (old.type == ChecksumType::full_object && !old.value.empty() &&
        (!algorithm || *algorithm == old.algorithm))
        return old;
    ChecksumAlgorithm use = algorithm.value_or(old.algorithm);
    std::unique_ptr<Hasher> hasher = make_hasher(use);
    read_bytes(source, [&](std::string_view piece) { hasher->update(piece); });
    return {use, ChecksumType::full_object, to_base64(hasher->finish())};
}

/// The MD5 of a source that came in parts has to be computed.
std::string etag_of_copy(const Version& source) {
    if (!source.multipart) return source.etag;
    Md5 md5;
    read_bytes(source, [&](std::string_view piece) { md5.update(piece); });
    return to_hex(md5.finish());
}

std::optional<ChecksumAlgorithm> wanted_algorithm(const Call& call) {
    std::string wanted = call.header("x-amz-checksum-algorithm");
    std::optional<ChecksumAlgorithm> algorithm = parse_algorithm(wanted);
    if (!wanted.empty() && !algorithm)
        invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    return algorithm;
}

/// The copy's attributes: those of the source, or of the request, as the directives say.
Attributes attributes_of_copy(const Call& call, const Source& place, const Version& source) {
    Attributes attributes = attributes_from_headers(call);
    std::string directive = call.header("x-amz-metadata-directive");
    if (!directive.empty() && directive != "COPY" && directive != "REPLACE")
        invalid_argument("Unknown metadata directive.", "x-amz-metadata-directive", directive);
    bool onto_itself = place.bucket == call.bucket && place.key == call.key && !place.version_id;
    if (onto_itself && directive != "REPLACE" &&
        attributes.storage_class == source.attributes.storage_class &&
        attributes.encryption == source.attributes.encryption)
        invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or encryption "
            "attributes.");
    if (directive != "REPLACE") {
        attributes.headers = source.attributes.headers;
        attributes.metadata = source.attributes.metadata;
    }
    if (call.header("x-amz-tagging-directive") != "REPLACE") attributes.tags = source.attributes.tags;
    return attributes;
}

Response answer_copy(const Bucket& bucket, const Version& copy) {
    XmlWriter xml("CopyObjectResult");
    xml.text("LastModified", xml_time(copy.created)).text("ETag", '"' + copy.etag + '"');
    xml.text(checksum_element(copy.checksum.algorithm), copy.checksum.value);
    xml.text("ChecksumType", type_name(copy.checksum.type));
    Response out = xml_response(xml.finish());
    set_encryption_headers(copy.attributes, out);
    set_version_id(bucket, copy, out);
    return out;
}

}  // namespace

/// What has to be hashed is hashed without the lock; the source's bytes stay as long as we hold them.
Response copy_object(Service& service, Call& call) {
    check_expected_owner(service, call);
    ConditionalWriteScope conditional(service, call);
    Source place = parse_source(call);
    std::optional<ChecksumAlgorithm> algorithm = wanted_algorithm(call);
    Version source;
    Version copy;
    {
        std::lock_guard lock(service.mutex);
        const Bucket& bucket = find_bucket(service, call);
        source = find_source(service, call, place);
        copy.attributes = attributes_of_copy(call, place, source);
        call.billed_class = copy.attributes.storage_class;
        check_write_conditions(bucket, call, call.key);
        check_lock_attributes(bucket, call.now, copy.attributes);
    }
    copy.etag = etag_of_copy(source);
    copy.checksum = checksum_of_copy(source, algorithm);
    call.now = call.clock.now();

    std::lock_guard lock(service.mutex);
    const Bucket& bucket = find_bucket(service, call);
    conditional.check();
    check_write_conditions(bucket, call, call.key);
    apply_default_retention(bucket, call.now, copy.attributes);
    copy.id = new_version_id(bucket);
    copy.created = copy.in_class_since = call.now;
    copy.size_bytes = source.size_bytes;
    copy.parts = source.parts;  // the same bytes; nothing is copied
    service.storage.put_version(call.bucket, call.key, copy);
    Response out = answer_copy(bucket, copy);
    if (place.version_id || source.id != "null") out.set("x-amz-copy-source-version-id", source.id);
    return out;
}

}  // namespace icecore::sim::s3
