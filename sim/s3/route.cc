#include "sim/s3/route.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.h"
#include "sim/api_error.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kKeyBytesMax = 1024;

enum class Level : std::uint8_t { service, bucket, object };

/// The first whose method, level and parameter are there counts. Where `header` names one, it must be there
/// too.
struct Pattern {
    Level level;
    std::string_view method;
    std::string_view parameter;  ///< empty: any request
    std::string_view operation;
    std::string_view header = {};
};

constexpr std::array kPatterns = {
    Pattern{Level::service, "GET", "", "ListBuckets"},

    Pattern{Level::bucket, "GET", "location", "GetBucketLocation"},
    Pattern{Level::bucket, "GET", "versioning", "GetBucketVersioning"},
    Pattern{Level::bucket, "PUT", "versioning", "PutBucketVersioning"},
    Pattern{Level::bucket, "GET", "versions", "ListObjectVersions"},
    Pattern{Level::bucket, "GET", "lifecycle", "GetBucketLifecycleConfiguration"},
    Pattern{Level::bucket, "PUT", "lifecycle", "PutBucketLifecycleConfiguration"},
    Pattern{Level::bucket, "DELETE", "lifecycle", "DeleteBucketLifecycle"},
    Pattern{Level::bucket, "GET", "object-lock", "GetObjectLockConfiguration"},
    Pattern{Level::bucket, "PUT", "object-lock", "PutObjectLockConfiguration"},
    Pattern{Level::bucket, "GET", "tagging", "GetBucketTagging"},
    Pattern{Level::bucket, "PUT", "tagging", "PutBucketTagging"},
    Pattern{Level::bucket, "DELETE", "tagging", "DeleteBucketTagging"},
    Pattern{Level::bucket, "GET", "policy", "GetBucketPolicy"},
    Pattern{Level::bucket, "PUT", "policy", "PutBucketPolicy"},
    Pattern{Level::bucket, "DELETE", "policy", "DeleteBucketPolicy"},
    Pattern{Level::bucket, "GET", "encryption", "GetBucketEncryption"},
    Pattern{Level::bucket, "PUT", "encryption", "PutBucketEncryption"},
    Pattern{Level::bucket, "DELETE", "encryption", "DeleteBucketEncryption"},
    Pattern{Level::bucket, "GET", "publicAccessBlock", "GetPublicAccessBlock"},
    Pattern{Level::bucket, "PUT", "publicAccessBlock", "PutPublicAccessBlock"},
    Pattern{Level::bucket, "DELETE", "publicAccessBlock", "DeletePublicAccessBlock"},
    Pattern{Level::bucket, "GET", "uploads", "ListMultipartUploads"},
    Pattern{Level::bucket, "POST", "delete", "DeleteObjects"},
    Pattern{Level::bucket, "GET", "list-type", "ListObjectsV2"},
    Pattern{Level::bucket, "GET", "", "ListObjects"},
    Pattern{Level::bucket, "PUT", "", "CreateBucket"},
    Pattern{Level::bucket, "HEAD", "", "HeadBucket"},
    Pattern{Level::bucket, "DELETE", "", "DeleteBucket"},

    Pattern{Level::object, "POST", "uploads", "CreateMultipartUpload"},
    Pattern{Level::object, "PUT", "uploadId", "UploadPartCopy", "x-amz-copy-source"},
    Pattern{Level::object, "PUT", "uploadId", "UploadPart"},
    Pattern{Level::object, "POST", "uploadId", "CompleteMultipartUpload"},
    Pattern{Level::object, "DELETE", "uploadId", "AbortMultipartUpload"},
    Pattern{Level::object, "GET", "uploadId", "ListParts"},
    Pattern{Level::object, "POST", "restore", "RestoreObject"},
    Pattern{Level::object, "GET", "retention", "GetObjectRetention"},
    Pattern{Level::object, "PUT", "retention", "PutObjectRetention"},
    Pattern{Level::object, "GET", "legal-hold", "GetObjectLegalHold"},
    Pattern{Level::object, "PUT", "legal-hold", "PutObjectLegalHold"},
    Pattern{Level::object, "GET", "tagging", "GetObjectTagging"},
    Pattern{Level::object, "PUT", "tagging", "PutObjectTagging"},
    Pattern{Level::object, "DELETE", "tagging", "DeleteObjectTagging"},
    Pattern{Level::object, "GET", "attributes", "GetObjectAttributes"},
    Pattern{Level::object, "GET", "", "GetObject"},
    Pattern{Level::object, "HEAD", "", "HeadObject"},
    Pattern{Level::object, "PUT", "", "CopyObject", "x-amz-copy-source"},
    Pattern{Level::object, "PUT", "", "PutObject"},
    Pattern{Level::object, "DELETE", "", "DeleteObject"},
};

/// Parameters that ask for something else than the plain operation of the method.
constexpr std::array kSubresources = {"accelerate",
                                      "acl",
                                      "analytics",
                                      "attributes",
                                      "cors",
                                      "delete",
                                      "encryption",
                                      "intelligent-tiering",
                                      "inventory",
                                      "legal-hold",
                                      "lifecycle",
                                      "location",
                                      "logging",
                                      "metrics",
                                      "notification",
                                      "object-lock",
                                      "ownershipControls",
                                      "policy",
                                      "policyStatus",
                                      "publicAccessBlock",
                                      "replication",
                                      "requestPayment",
                                      "restore",
                                      "retention",
                                      "select",
                                      "session",
                                      "tagging",
                                      "torrent",
                                      "uploadId",
                                      "uploads",
                                      "versioning",
                                      "versions",
                                      "website"};

/// The bucket that the name of a host begins with; nullopt where there is none.
std::optional<std::string> bucket_of_host(std::string_view host) {
    host = host.substr(0, host.rfind(':') == std::string_view::npos ? host.size() : host.rfind(':'));
    for (std::string_view suffix : {".s3.localhost", ".localhost"})
        if (host.ends_with(suffix) && host != "s3.localhost")
            return std::string(host.substr(0, host.size() - suffix.size()));
    if (!host.ends_with(".amazonaws.com")) return std::nullopt;
    // BUCKET.s3.amazonaws.com, BUCKET.s3.REGION.amazonaws.com
    std::size_t at = host.rfind(".s3.");
    return at == std::string_view::npos ? std::nullopt : std::optional(std::string(host.substr(0, at)));
}

[[noreturn]] void refuse_uri() {
    throw ApiError(400, "InvalidURI", "Couldn't parse the specified URI.");
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        std::size_t length = utf8_sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string decode(std::string_view text) {
    std::optional<std::string> out = percent_decode(text);
    if (!out || !is_utf8(*out)) refuse_uri();
    return *out;
}

bool matches(const Pattern& pattern, Level level, const Request& request,
             const std::map<std::string, std::string>& query) {
    if (pattern.level != level || pattern.method != request.method) return false;
    if (!pattern.header.empty() && request.header(pattern.header) == nullptr) return false;
    if (!pattern.parameter.empty()) return query.contains(std::string(pattern.parameter));
    return std::none_of(kSubresources.begin(), kSubresources.end(),
                        [&](const char* name) { return query.contains(name); });
}

}  // namespace

Route find_route(const Request& request) {
    Route route;
    std::string_view path = request.path;
    if (!path.starts_with('/')) refuse_uri();
    path.remove_prefix(1);
    const std::string* host = request.header("Host");
    if (std::optional<std::string> bucket = bucket_of_host(host != nullptr ? *host : "")) {
        route.bucket = *bucket;
        route.key = decode(path);
    } else {
        std::size_t slash = std::min(path.find('/'), path.size());
        route.bucket = decode(path.substr(0, slash));
        route.key = decode(path.substr(std::min(slash + 1, path.size())));
    }
    if (route.key.size() > kKeyBytesMax)
        throw ApiError(
            400, "KeyTooLongError", "Your key is too long",
            {{"Size", std::to_string(route.key.size())}, {"MaxSizeAllowed", std::to_string(kKeyBytesMax)}});
    Level level = !route.key.empty() ? Level::object : !route.bucket.empty() ? Level::bucket : Level::service;
    auto query = query_parameters(request.query);
    for (const Pattern& pattern : kPatterns)
        if (matches(pattern, level, request, query)) {
            route.operation = pattern.operation;
            break;
        }
    return route;
}

}  // namespace icecore::sim::s3
