#include "sim/s3/settings.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kPolicyBytesMax = 20 << 10;
constexpr std::size_t kBucketTagsMax = 50;
constexpr const char* kPolicy = "policy";
constexpr const char* kTagging = "tagging";
constexpr const char* kEncryption = "encryption";
constexpr const char* kPublicAccess = "publicAccessBlock";

Response put_document(Service& service, const Call& call, const char* name, int status = 200) {
    Bucket bucket = settings_of(find_bucket(service, call));
    bucket.documents[name] = call.text;
    service.storage.save_bucket(bucket);
    return empty_response(status);
}

Response delete_document(Service& service, Call& call, const char* name) {
    check_expected_owner(service, call);
    const Bucket& there = find_bucket(service, call);
    if (!there.documents.contains(name)) return empty_response(204);
    Bucket bucket = settings_of(there);
    bucket.documents.erase(name);
    service.storage.save_bucket(bucket);
    return empty_response(204);
}

/// The document as it was put.
std::string get_document(Service& service, Call& call, const char* name, const char* missing_code,
                         const char* missing_message) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    auto found = bucket.documents.find(name);
    if (found == bucket.documents.end())
        throw ApiError(404, missing_code, missing_message, {{"BucketName", call.bucket}});
    return found->second;
}

[[noreturn]] void malformed_policy(const std::string& message) {
    throw ApiError(400, "MalformedPolicy", message);
}

}  // namespace

Bucket settings_of(const Bucket& bucket) {
    Bucket out{.name = bucket.name, .region = bucket.region, .created = bucket.created};
    out.versioning = bucket.versioning;
    out.lock_enabled = bucket.lock_enabled;
    out.default_retention = bucket.default_retention;
    out.documents = bucket.documents;
    return out;
}

std::optional<Policy> policy_of(const Bucket& bucket) {
    auto found = bucket.documents.find(kPolicy);
    if (found == bucket.documents.end()) return std::nullopt;
    return Policy::parse(found->second, Policy::Kind::resource);
}

std::map<std::string, std::string> parse_tagging(const std::string& xml, std::size_t count_max) {
    constexpr std::size_t kNameBytesMax = 128;
    constexpr std::size_t kValueBytesMax = 256;
    XmlRequest request(xml, "Tagging");
    std::map<std::string, std::string> out;
    std::vector<pugi::xml_node> sets = children(request.root(), "TagSet");
    if (sets.size() != 1) malformed_xml();
    for (const pugi::xml_node& tag : children(sets.front(), "Tag")) {
        std::string key = child_text(tag, "Key").value_or("");
        std::string value = child_text(tag, "Value").value_or("");
        if (key.empty() || key.size() > kNameBytesMax)
            throw ApiError(400, "InvalidTag", "The TagKey you have provided is invalid");
        if (value.size() > kValueBytesMax)
            throw ApiError(400, "InvalidTag", "The TagValue you have provided is invalid");
        if (!out.emplace(key, value).second)
            throw ApiError(400, "InvalidTag", "Cannot provide multiple Tags with the same key");
    }
    if (out.size() > count_max)
        throw ApiError(400, "BadRequest", format("Object tags cannot be greater than {}", count_max));
    return out;
}

Response put_bucket_policy(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    if (call.text.size() > kPolicyBytesMax) malformed_policy("Policies must be at most 20 KB");
    try {
        std::string arn = "arn:aws:s3:::" + bucket.name;
        Policy policy = Policy::parse(call.text, Policy::Kind::resource);
        for (const std::string& resource : policy.resources())
            if (resource != arn && !resource.starts_with(arn + "/"))
                malformed_policy("Policy has invalid resource");
    } catch (const Error& error) {
        malformed_policy(error.message());
    }
    return put_document(service, call, kPolicy, 204);
}

Response get_bucket_policy(Service& service, Call& call) {
    Response out{.status = 200,
                 .headers = {},
                 .body = get_document(service, call, kPolicy, "NoSuchBucketPolicy",
                                      "The bucket policy does not exist")};
    out.set("Content-Type", "application/json");
    return out;
}

Response delete_bucket_policy(Service& service, Call& call) {
    return delete_document(service, call, kPolicy);
}

Response put_bucket_tagging(Service& service, Call& call) {
    check_expected_owner(service, call);
    parse_tagging(call.text, kBucketTagsMax);
    return put_document(service, call, kTagging, 204);
}

Response get_bucket_tagging(Service& service, Call& call) {
    return xml_response(get_document(service, call, kTagging, "NoSuchTagSet", "The TagSet does not exist"));
}

Response delete_bucket_tagging(Service& service, Call& call) {
    return delete_document(service, call, kTagging);
}

Response put_bucket_encryption(Service& service, Call& call) {
    check_expected_owner(service, call);
    XmlRequest request(call.text, "ServerSideEncryptionConfiguration");
    if (children(request.root(), "Rule").size() != 1) malformed_xml();
    return put_document(service, call, kEncryption);
}

/// A bucket that was told nothing encrypts with keys of S3's own.
Response get_bucket_encryption(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    if (auto found = bucket.documents.find(kEncryption); found != bucket.documents.end())
        return xml_response(found->second);
    XmlWriter xml("ServerSideEncryptionConfiguration");
    xml.open("Rule").open("ApplyServerSideEncryptionByDefault").text("SSEAlgorithm", "AES256");
    xml.close("ApplyServerSideEncryptionByDefault").truth("BucketKeyEnabled", false).close("Rule");
    return xml_response(xml.finish());
}

Response delete_bucket_encryption(Service& service, Call& call) {
    return delete_document(service, call, kEncryption);
}

Response put_public_access_block(Service& service, Call& call) {
    check_expected_owner(service, call);
    XmlRequest(call.text, "PublicAccessBlockConfiguration");
    return put_document(service, call, kPublicAccess);
}

Response get_public_access_block(Service& service, Call& call) {
    return xml_response(get_document(service, call, kPublicAccess, "NoSuchPublicAccessBlockConfiguration",
                                     "The public access block configuration was not found"));
}

Response delete_public_access_block(Service& service, Call& call) {
    return delete_document(service, call, kPublicAccess);
}

}  // namespace icecore::sim::s3
