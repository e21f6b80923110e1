#include "sim/s3/call.h"

#include <array>
#include <ctime>

#include "base/format.h"
#include "sim/random_id.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kVersionIdLength = 32;
constexpr const char* kHttpTime = "%a, %d %b %Y %H:%M:%S GMT";

[[noreturn]] void no_such_key(const Call& call) {
    throw ApiError(404, "NoSuchKey", "The specified key does not exist.", {{"Key", call.key}});
}

}  // namespace

const std::string* Call::parameter(const std::string& name) const {
    auto found = query.find(name);
    return found == query.end() ? nullptr : &found->second;
}

std::string Call::header(std::string_view name) const {
    const std::string* value = request.header(name);
    return value == nullptr ? std::string() : *value;
}

bool Call::header_is_true(std::string_view name) const {
    std::string value = header(name);
    return value == "true" || value == "True" || value == "TRUE";
}

const Bucket& find_bucket(const Service& service, const Call& call) {
    const Bucket* bucket = service.storage.find_bucket(call.bucket);
    if (bucket == nullptr)
        throw ApiError(404, "NoSuchBucket", "The specified bucket does not exist",
                       {{"BucketName", call.bucket}});
    return *bucket;
}

const Version& find_version(const Bucket& bucket, const Call& call) {
    const std::string* id = call.parameter("versionId");
    if (id != nullptr && id->empty())
        invalid_argument("Version id cannot be the empty string", "versionId", *id);
    auto found = bucket.keys.find(call.key);
    if (found == bucket.keys.end()) {
        if (id == nullptr) no_such_key(call);
        throw ApiError(404, "NoSuchVersion", "The specified version does not exist.",
                       {{"Key", call.key}, {"VersionId", *id}});
    }
    if (id == nullptr) return found->second.back();
    for (const Version& version : found->second)
        if (version.id == *id) return version;
    throw ApiError(404, "NoSuchVersion", "The specified version does not exist.",
                   {{"Key", call.key}, {"VersionId", *id}});
}

const Version& find_object(const Bucket& bucket, const Call& call) {
    const Version& version = find_version(bucket, call);
    if (!version.delete_marker) return version;
    ApiError::Details details = {{"x-amz-delete-marker", "true"}, {"x-amz-version-id", version.id}};
    if (call.parameter("versionId") == nullptr) {
        details.insert(details.begin(), {"Key", call.key});
        throw ApiError(404, "NoSuchKey", "The specified key does not exist.", details);
    }
    details.insert(details.end(), {{"Method", call.request.method}, {"ResourceType", "DeleteMarker"}});
    throw ApiError(405, "MethodNotAllowed", "The specified method is not allowed against this resource.",
                   details);
}

const Version* current_object(const Bucket& bucket, const std::string& key) {
    auto found = bucket.keys.find(key);
    if (found == bucket.keys.end() || found->second.back().delete_marker) return nullptr;
    return &found->second.back();
}

void check_upload_size(const Call& call, std::uint64_t bytes_max) {
    if (!call.request.content_bytes)
        throw ApiError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
    if (call.payload.size_bytes() > bytes_max)
        throw ApiError(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size",
                       {{"ProposedSize", std::to_string(call.payload.size_bytes())},
                        {"MaxSizeAllowed", std::to_string(bytes_max)}});
}

std::string new_version_id(const Bucket& bucket) {
    if (bucket.versioning != Versioning::enabled) return "null";
    std::string id = random_id(kVersionIdLength);
    if (id.front() == '-') id.front() = 'v';  // programs take one for an option
    return id;
}

std::uint64_t number_parameter(const Call& call, const std::string& name, std::uint64_t fallback,
                               std::uint64_t max) {
    const std::string* text = call.parameter(name);
    if (text == nullptr || text->empty()) return fallback;
    std::optional<std::uint64_t> value = parse_decimal(*text);
    if (!value || *value > max)
        invalid_argument(format("Argument {} must be an integer between 0 and {}", name, max), name, *text);
    return *value;
}

std::string xml_time(Timestamp when) {
    std::string seconds = format_iso_utc({when.sec, 0});
    seconds.pop_back();
    return format("{}.{:03}Z", seconds, when.nsec / 1'000'000);
}

std::string http_time(Timestamp when) {
    std::time_t seconds = when.sec;
    std::tm tm{};
    gmtime_r(&seconds, &tm);
    std::array<char, 64> out{};
    std::size_t size = std::strftime(out.data(), out.size(), kHttpTime, &tm);
    return {out.data(), size};
}

std::optional<Timestamp> parse_http_time(std::string_view text) {
    std::string copy(text);
    std::tm tm{};
    const char* end = ::strptime(copy.c_str(), kHttpTime, &tm);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return Timestamp{::timegm(&tm), 0};
}

Response xml_response(std::string body, int status) {
    Response out{.status = status, .headers = {}, .body = std::move(body)};
    out.set("Content-Type", "application/xml");
    return out;
}

Response empty_response(int status) {
    return {.status = status, .headers = {}, .body = {}};
}

void set_version_id(const Bucket& bucket, const Version& version, Response& response) {
    if (bucket.versioning != Versioning::never) response.set("x-amz-version-id", version.id);
}

void invalid_argument(const std::string& message, const std::string& name, const std::string& value) {
    ApiError::Details details;
    if (!name.empty()) details = {{"ArgumentName", name}, {"ArgumentValue", value}};
    throw ApiError(400, "InvalidArgument", message, details);
}

void invalid_request(const std::string& message) {
    throw ApiError(400, "InvalidRequest", message);
}

void malformed_xml() {
    throw ApiError(
        400, "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema");
}

}  // namespace icecore::sim::s3
