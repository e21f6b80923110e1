#include "sim/s3/object_headers.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::array kKeptHeaders = {"Content-Type",     "Content-Encoding", "Content-Disposition",
                                     "Content-Language", "Cache-Control",    "Expires"};
constexpr std::string_view kMetadata = "x-amz-meta-";
constexpr std::size_t kMetadataBytesMax = 2048;
constexpr std::size_t kTagsMax = 10;
constexpr std::size_t kTagNameBytesMax = 128;
constexpr std::size_t kTagValueBytesMax = 256;
constexpr std::int64_t kDaySec = 24 * 3600;
constexpr std::uint64_t kDaysPerYear = 365;

/// "aws-chunked" tells of the request's body only.
std::string without_aws_chunked(const std::string& value) {
    std::string out;
    std::string_view left = value;
    while (!left.empty()) {
        std::string_view item = left.substr(0, left.find(','));
        left.remove_prefix(std::min(left.size(), item.size() + 1));
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (item == "aws-chunked" || item.empty()) continue;
        if (!out.empty()) out += ',';
        out += item;
    }
    return out;
}

std::map<std::string, std::string> metadata_of(const Request& request) {
    std::map<std::string, std::string> out;
    std::size_t bytes = 0;
    for (const HttpHeader& header : request.headers) {
        std::string name = lower_case(header.name);
        if (!name.starts_with(kMetadata)) continue;
        name.erase(0, kMetadata.size());
        bytes += name.size() + header.value.size();
        std::string& value = out[name];
        value += (value.empty() ? "" : ",") + header.value;
    }
    if (bytes > kMetadataBytesMax)
        throw ApiError(
            400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size",
            {{"Size", std::to_string(bytes)}, {"MaxSizeAllowed", std::to_string(kMetadataBytesMax)}});
    return out;
}

std::map<std::string, std::string> tags_of(const Call& call) {
    std::map<std::string, std::string> out = query_parameters(call.header("x-amz-tagging"));
    bool good = out.size() <= kTagsMax && std::all_of(out.begin(), out.end(), [](const auto& tag) {
                    return !tag.first.empty() && tag.first.size() <= kTagNameBytesMax &&
                           tag.second.size() <= kTagValueBytesMax;
                });
    if (!good)
        throw ApiError(400, "InvalidTag",
                       "The header 'x-amz-tagging' shall be encoded as UTF-8 then "
                       "URLEncoded URL query parameters without tag name duplicates.");
    return out;
}

/// A key's id, alias or ARN. There are no keys here: each that can be one is there.
bool can_be_key(std::string_view name) {
    constexpr std::size_t kIdBytes = 36;
    if (name.starts_with("arn:aws:kms:")) return true;
    auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
               c == '_' || c == '-';
    };
    return std::all_of(name.begin(), name.end(), allowed) &&
           (name.starts_with("alias/") || name.starts_with("mrk-") || name.size() == kIdBytes);
}

void take_encryption(const Call& call, Attributes& out) {
    std::string kind = call.header("x-amz-server-side-encryption");
    std::string key = call.header("x-amz-server-side-encryption-aws-kms-key-id");
    if (call.request.header("x-amz-server-side-encryption-customer-algorithm") != nullptr)
        throw ApiError(501, "NotImplemented", "Encryption with a key of the customer's is not implemented");
    if (!kind.empty() && kind != "AES256" && kind != "aws:kms" && kind != "aws:kms:dsse")
        throw ApiError(400, "InvalidEncryptionAlgorithmError",
                       "The encryption request you specified is not valid. Supported value: AES256.");
    if (!key.empty() && (kind.empty() || kind == "AES256"))
        invalid_argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms",
            "x-amz-server-side-encryption", kind);
    if (!key.empty() && !can_be_key(key))
        throw ApiError(400, "KMS.NotFoundException", format("Invalid keyId '{}'", key));
    if (!kind.empty()) out.encryption = kind;
    out.kms_key = key;
    if (kind.starts_with("aws:kms") && key.empty()) out.kms_key = "alias/aws/s3";
}

void take_lock(const Call& call, Attributes& out) {
    std::string mode = call.header("x-amz-object-lock-mode");
    std::string until = call.header("x-amz-object-lock-retain-until-date");
    std::string hold = call.header("x-amz-object-lock-legal-hold");
    if (mode.empty() != until.empty())
        invalid_argument(
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
    if (!mode.empty()) {
        if (mode != "GOVERNANCE" && mode != "COMPLIANCE")
            invalid_argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode);
        std::optional<Timestamp> when = parse_utc(until);
        if (!when)
            invalid_argument("The retain until date must be provided in ISO 8601 format",
                             "x-amz-object-lock-retain-until-date", until);
        out.retention = {mode == "GOVERNANCE" ? RetentionMode::governance : RetentionMode::compliance, *when};
    }
    if (!hold.empty() && hold != "ON" && hold != "OFF")
        invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", "x-amz-object-lock-legal-hold", hold);
    out.legal_hold = hold == "ON";
}

}  // namespace

Attributes attributes_from_headers(const Call& call) {
    Attributes out;
    if (std::string wanted = call.header("x-amz-storage-class"); !wanted.empty()) {
        std::optional<StorageClass> known = parse_storage_class(wanted);
        if (!known)
            throw ApiError(400, "InvalidStorageClass", "The storage class you specified is not valid",
                           {{"StorageClassRequested", wanted}});
        out.storage_class = *known;
    }
    for (const char* name : kKeptHeaders)
        if (std::string value = without_aws_chunked(call.header(name)); !value.empty())
            out.headers[name] = std::string_view(name) == "Content-Encoding" ? value : call.header(name);
    out.metadata = metadata_of(call.request);
    out.tags = tags_of(call);
    take_encryption(call, out);
    take_lock(call, out);
    return out;
}

void check_lock_attributes(const Bucket& bucket, Timestamp now, const Attributes& attributes) {
    bool asked = attributes.retention.mode != RetentionMode::none;
    if ((asked || attributes.legal_hold) && !bucket.lock_enabled)
        invalid_request("Bucket is missing Object Lock Configuration");
    if (asked && attributes.retention.until <= now)
        invalid_argument("The retain until date must be in the future!");
}

void apply_default_retention(const Bucket& bucket, Timestamp now, Attributes& attributes) {
    const DefaultRetention& fallback = bucket.default_retention;
    if (attributes.retention.mode != RetentionMode::none || !bucket.lock_enabled ||
        fallback.mode == RetentionMode::none)
        return;
    auto days = static_cast<std::int64_t>(fallback.days + fallback.years * kDaysPerYear);
    attributes.retention = {fallback.mode, {now.sec + days * kDaySec, now.nsec}};
}

void check_deletable(const Call& call, const Version& version) {
    const Retention& retention = version.attributes.retention;
    bool bypass = call.header_is_true("x-amz-bypass-governance-retention");
    bool retained = retention.mode != RetentionMode::none && call.now < retention.until &&
                    !(retention.mode == RetentionMode::governance && bypass);
    if (retained || version.attributes.legal_hold)
        throw ApiError(403, "AccessDenied", "Access Denied because object protected by object lock.");
}

void set_encryption_headers(const Attributes& attributes, Response& response) {
    response.set("x-amz-server-side-encryption", attributes.encryption);
    if (!attributes.kms_key.empty())
        response.set("x-amz-server-side-encryption-aws-kms-key-id", attributes.kms_key);
}

void set_object_headers(const Bucket& bucket, const Version& version, Timestamp now, Response& response) {
    const Attributes& attributes = version.attributes;
    response.set("Last-Modified", http_time(version.created));
    response.set("ETag", '"' + version.etag + '"');
    response.set("Accept-Ranges", "bytes");
    if (!attributes.headers.contains("Content-Type")) response.set("Content-Type", "binary/octet-stream");
    for (const auto& [name, value] : attributes.headers) response.set(name, value);
    for (const auto& [name, value] : attributes.metadata) response.set(std::string(kMetadata) + name, value);
    if (attributes.storage_class != StorageClass::standard)
        response.set("x-amz-storage-class", std::string(storage_class_name(attributes.storage_class)));
    if (!attributes.tags.empty()) response.set("x-amz-tagging-count", std::to_string(attributes.tags.size()));
    set_encryption_headers(attributes, response);
    set_version_id(bucket, version, response);
    if (const Restore* restore = current_restore(version, now)) {
        bool ongoing = now < restore->ready;
        response.set("x-amz-restore", ongoing ? "ongoing-request=\"true\""
                                              : format("ongoing-request=\"false\", expiry-date=\"{}\"",
                                                       http_time(restore->expiry)));
    }
    if (attributes.retention.mode != RetentionMode::none) {
        response.set("x-amz-object-lock-mode",
                     attributes.retention.mode == RetentionMode::governance ? "GOVERNANCE" : "COMPLIANCE");
        response.set("x-amz-object-lock-retain-until-date", xml_time(attributes.retention.until));
    }
    if (attributes.legal_hold) response.set("x-amz-object-lock-legal-hold", "ON");
}

void set_checksum_headers(const Call& call, const Checksum& checksum, Response& response) {
    if (call.header("x-amz-checksum-mode") != "ENABLED" || checksum.value.empty()) return;
    response.set(checksum_header(checksum.algorithm), checksum.value);
    response.set("x-amz-checksum-type", std::string(type_name(checksum.type)));
}

void check_expected_owner(const Service& service, const Call& call) {
    std::string owner = call.header("x-amz-expected-bucket-owner");
    if (!owner.empty() && owner != service.account) throw ApiError(403, "AccessDenied", "Access Denied");
}

}  // namespace icecore::sim::s3
