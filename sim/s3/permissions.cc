#include "sim/s3/permissions.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/format.h"
#include "sim/s3/settings.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::int64_t kDaySec = 86400;

enum class On : std::uint8_t { account, bucket, object };

/// The action of each operation that has one name for all requests.
struct Rule {
    std::string_view operation;
    std::string_view action;
    On on;
    std::string_view of_version = {};  ///< the action with versionId
};

constexpr std::array kRules = {
    Rule{"ListBuckets", "ListAllMyBuckets", On::account},
    Rule{"CreateBucket", "CreateBucket", On::bucket},
    Rule{"HeadBucket", "ListBucket", On::bucket},
    Rule{"DeleteBucket", "DeleteBucket", On::bucket},
    Rule{"GetBucketLocation", "GetBucketLocation", On::bucket},
    Rule{"GetBucketVersioning", "GetBucketVersioning", On::bucket},
    Rule{"PutBucketVersioning", "PutBucketVersioning", On::bucket},
    Rule{"GetBucketLifecycleConfiguration", "GetLifecycleConfiguration", On::bucket},
    Rule{"PutBucketLifecycleConfiguration", "PutLifecycleConfiguration", On::bucket},
    Rule{"DeleteBucketLifecycle", "PutLifecycleConfiguration", On::bucket},
    Rule{"GetObjectLockConfiguration", "GetBucketObjectLockConfiguration", On::bucket},
    Rule{"PutObjectLockConfiguration", "PutBucketObjectLockConfiguration", On::bucket},
    Rule{"GetBucketTagging", "GetBucketTagging", On::bucket},
    Rule{"PutBucketTagging", "PutBucketTagging", On::bucket},
    Rule{"DeleteBucketTagging", "PutBucketTagging", On::bucket},
    Rule{"GetBucketPolicy", "GetBucketPolicy", On::bucket},
    Rule{"PutBucketPolicy", "PutBucketPolicy", On::bucket},
    Rule{"DeleteBucketPolicy", "DeleteBucketPolicy", On::bucket},
    Rule{"GetBucketEncryption", "GetEncryptionConfiguration", On::bucket},
    Rule{"PutBucketEncryption", "PutEncryptionConfiguration", On::bucket},
    Rule{"DeleteBucketEncryption", "PutEncryptionConfiguration", On::bucket},
    Rule{"GetPublicAccessBlock", "GetBucketPublicAccessBlock", On::bucket},
    Rule{"PutPublicAccessBlock", "PutBucketPublicAccessBlock", On::bucket},
    Rule{"DeletePublicAccessBlock", "PutBucketPublicAccessBlock", On::bucket},
    Rule{"ListObjects", "ListBucket", On::bucket},
    Rule{"ListObjectsV2", "ListBucket", On::bucket},
    Rule{"ListObjectVersions", "ListBucketVersions", On::bucket},
    Rule{"ListMultipartUploads", "ListBucketMultipartUploads", On::bucket},
    Rule{"PutObject", "PutObject", On::object},
    Rule{"CopyObject", "PutObject", On::object},
    Rule{"CreateMultipartUpload", "PutObject", On::object},
    Rule{"UploadPart", "PutObject", On::object},
    Rule{"UploadPartCopy", "PutObject", On::object},
    Rule{"CompleteMultipartUpload", "PutObject", On::object},
    Rule{"AbortMultipartUpload", "AbortMultipartUpload", On::object},
    Rule{"ListParts", "ListMultipartUploadParts", On::object},
    Rule{"GetObject", "GetObject", On::object, "GetObjectVersion"},
    Rule{"HeadObject", "GetObject", On::object, "GetObjectVersion"},
    Rule{"GetObjectAttributes", "GetObject", On::object, "GetObjectVersion"},
    Rule{"RestoreObject", "RestoreObject", On::object},
    Rule{"DeleteObject", "DeleteObject", On::object, "DeleteObjectVersion"},
    Rule{"GetObjectRetention", "GetObjectRetention", On::object},
    Rule{"PutObjectRetention", "PutObjectRetention", On::object},
    Rule{"GetObjectLegalHold", "GetObjectLegalHold", On::object},
    Rule{"PutObjectLegalHold", "PutObjectLegalHold", On::object},
    Rule{"GetObjectTagging", "GetObjectTagging", On::object, "GetObjectVersionTagging"},
    Rule{"PutObjectTagging", "PutObjectTagging", On::object, "PutObjectVersionTagging"},
    Rule{"DeleteObjectTagging", "DeleteObjectTagging", On::object, "DeleteObjectVersionTagging"},
};

/// Headers and parameters that conditions can be about.
constexpr std::array<std::pair<const char*, const char*>, 6> kHeaders = {
    {{"x-amz-storage-class", "s3:x-amz-storage-class"},
     {"x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"},
     {"x-amz-object-lock-mode", "s3:object-lock-mode"},
     {"x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"},
     {"x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"},
     {"If-None-Match", "s3:if-none-match"}}};
constexpr std::array<std::pair<const char*, const char*>, 4> kParameters = {{{"prefix", "s3:prefix"},
                                                                             {"delimiter", "s3:delimiter"},
                                                                             {"max-keys", "s3:max-keys"},
                                                                             {"versionId", "s3:versionid"}}};

std::map<std::string, std::string> context_of(const Call& call) {
    std::map<std::string, std::string> out = {{"aws:securetransport", "true"}};
    for (const auto& [header, key] : kHeaders)
        if (std::string value = call.header(header); !value.empty()) out[key] = value;
    for (const auto& [parameter, key] : kParameters)
        if (const std::string* value = call.parameter(parameter)) out[key] = *value;
    if (std::optional<Timestamp> until = parse_utc(call.header("x-amz-object-lock-retain-until-date")))
        out["s3:object-lock-remaining-retention-days"] =
            std::to_string((until->sec - call.now.sec) / kDaySec);
    return out;
}

std::string bucket_arn(const std::string& bucket) {
    return "arn:aws:s3:::" + bucket;
}

PolicyRequest on_object(const Call& call, std::string_view action, const std::string& key) {
    return {{}, format("s3:{}", action), bucket_arn(call.bucket) + "/" + key, context_of(call)};
}

PolicyRequest on_bucket(const Call& call, std::string_view action) {
    return {{}, format("s3:{}", action), bucket_arn(call.bucket), context_of(call)};
}

PolicyRequest request_of(const Rule& rule, const Call& call) {
    bool versioned = !rule.of_version.empty() && call.parameter("versionId") != nullptr;
    if (rule.on == On::object) return on_object(call, versioned ? rule.of_version : rule.action, call.key);
    if (rule.on == On::bucket) return on_bucket(call, rule.action);
    return {{}, format("s3:{}", rule.action), bucket_arn("*"), context_of(call)};
}

/// The source of a copy is read.
PolicyRequest to_read_source(const Call& call) {
    std::string source = call.header("x-amz-copy-source");
    std::size_t version = source.find("?versionId=");
    std::string path = percent_decode(source.substr(0, version)).value_or(source);
    if (path.starts_with('/')) path.erase(0, 1);
    return {{},
            version == std::string::npos ? "s3:GetObject" : "s3:GetObjectVersion",
            bucket_arn(path),
            {{"aws:securetransport", "true"}}};
}

/// What some headers of a request need besides.
void add_extras(std::string_view operation, const Call& call, std::vector<PolicyRequest>& out) {
    bool creates =
        operation == "PutObject" || operation == "CreateMultipartUpload" || operation == "CopyObject";
    if (creates && !call.header("x-amz-object-lock-mode").empty())
        out.push_back(on_object(call, "PutObjectRetention", call.key));
    if (creates && !call.header("x-amz-object-lock-legal-hold").empty())
        out.push_back(on_object(call, "PutObjectLegalHold", call.key));
    if (creates && !call.header("x-amz-tagging").empty())
        out.push_back(on_object(call, "PutObjectTagging", call.key));
    if (operation == "CopyObject" || operation == "UploadPartCopy") out.push_back(to_read_source(call));
    if (operation == "GetObjectAttributes")
        out.push_back(on_object(
            call,
            call.parameter("versionId") == nullptr ? "GetObjectAttributes" : "GetObjectVersionAttributes",
            call.key));
    if (operation == "CreateBucket" && !call.header("x-amz-bucket-object-lock-enabled").empty()) {
        out.push_back(on_bucket(call, "PutBucketObjectLockConfiguration"));
        out.push_back(on_bucket(call, "PutBucketVersioning"));
    }
    if ((operation == "PutObjectRetention" || operation == "DeleteObject") &&
        call.header_is_true("x-amz-bypass-governance-retention"))
        out.push_back(permission_to_bypass(call, call.key));
}

}  // namespace

std::vector<PolicyRequest> permissions_of(std::string_view operation, const Call& call) {
    std::vector<PolicyRequest> out;
    for (const Rule& rule : kRules)
        if (rule.operation == operation) out.push_back(request_of(rule, call));
    CHECK(!out.empty() || operation == "DeleteObjects");
    add_extras(operation, call, out);
    return out;
}

PolicyRequest permission_to_delete(const Call& call, const std::string& key, bool version) {
    return on_object(call, version ? "DeleteObjectVersion" : "DeleteObject", key);
}

PolicyRequest permission_to_bypass(const Call& call, const std::string& key) {
    return on_object(call, "BypassGovernanceRetention", key);
}

PolicyRequest permission_to_list(const Call& call) {
    return on_bucket(call, "ListBucket");
}

void check_allowed(const Service& service, const Call& call, const PolicyRequest& request) {
    const Bucket* bucket = service.storage.find_bucket(call.bucket);
    std::optional<Policy> policy = bucket == nullptr ? std::nullopt : policy_of(*bucket);
    std::string refusal = service.access.refusal(call.key_id, request, policy ? &*policy : nullptr);
    if (!refusal.empty()) throw ApiError(403, "AccessDenied", refusal);
}

void hide_lock(const Service& service, const Call& call, Response& response) {
    auto hide = [&](std::string_view action, std::string_view prefix) {
        auto is_it = [&](const HttpHeader& header) { return header.name.starts_with(prefix); };
        if (std::any_of(response.headers.begin(), response.headers.end(), is_it) &&
            !is_allowed(service, call, on_object(call, action, call.key)))
            std::erase_if(response.headers, is_it);
    };
    hide("GetObjectRetention", "x-amz-object-lock-mode");
    hide("GetObjectRetention", "x-amz-object-lock-retain-until-date");
    hide("GetObjectLegalHold", "x-amz-object-lock-legal-hold");
}

bool is_allowed(const Service& service, const Call& call, const PolicyRequest& request) {
    try {
        check_allowed(service, call, request);
        return true;
    } catch (const ApiError&) {
        return false;
    }
}

}  // namespace icecore::sim::s3
