#include <algorithm>

#include "base/format.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kNameBytesMin = 3;
constexpr std::size_t kNameBytesMax = 63;
constexpr std::size_t kBucketsMax = 10'000;

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// Lower-case letters, digits, dots and hyphens; no address of a machine.
bool is_bucket_name(std::string_view name) {
    if (name.size() < kNameBytesMin || name.size() > kNameBytesMax || !is_word(name.front()) ||
        !is_word(name.back()) || name.find("..") != std::string_view::npos || name.starts_with("xn--") ||
        name.ends_with("-s3alias"))
        return false;
    bool address =
        std::all_of(name.begin(), name.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
    return !(address && std::count(name.begin(), name.end(), '.') == 3) &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool is_region(std::string_view name) {
    return name == "EU" ||
           (std::count(name.begin(), name.end(), '-') >= 2 && name.size() <= 30 &&
            std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '-'; }));
}

/// The region that a bucket is to be made in. The endpoint of us-east-1 takes all, every other its own only.
std::string wanted_region(const Service& service, const Call& call) {
    std::string wanted;
    if (!call.text.empty())
        wanted = child_text(XmlRequest(call.text, "CreateBucketConfiguration").root(), "LocationConstraint")
                     .value_or("");
    if (wanted == "EU") wanted = "eu-west-1";
    if (service.region != "us-east-1") {
        if (wanted == service.region) return wanted;
        throw ApiError(
            400, "IllegalLocationConstraintException",
            format("The {} location constraint is incompatible for the region specific endpoint this "
                   "request was sent to.",
                   wanted.empty() ? "unspecified" : wanted));
    }
    if (wanted.empty()) return service.region;
    if (!is_region(wanted) || wanted == "us-east-1")
        throw ApiError(400, "InvalidLocationConstraint", "The specified location-constraint is not valid",
                       {{"LocationConstraint", wanted}});
    return wanted;
}

}  // namespace

Response list_buckets(Service& service, Call& call) {
    std::uint64_t max =
        std::max<std::uint64_t>(number_parameter(call, "max-buckets", kBucketsMax, kBucketsMax), 1);
    const std::string* token = call.parameter("continuation-token");
    const std::string* prefix = call.parameter("prefix");
    XmlWriter xml("ListAllMyBucketsResult");
    xml.open("Owner").text("ID", service.account).close("Owner").open("Buckets");
    std::string last;
    std::uint64_t count = 0;
    bool more = false;
    for (const auto& [name, bucket] : service.storage.buckets()) {
        if ((token != nullptr && name <= *token) || (prefix != nullptr && !name.starts_with(*prefix)))
            continue;
        more = count == max;
        if (more) break;
        xml.open("Bucket").text("Name", name).text("CreationDate", xml_time(bucket.created));
        xml.text("BucketRegion", bucket.region).close("Bucket");
        last = name;
        ++count;
    }
    xml.close("Buckets");
    if (prefix != nullptr) xml.text("Prefix", *prefix);
    if (more) xml.text("ContinuationToken", last);
    return xml_response(xml.finish());
}

Response create_bucket(Service& service, Call& call) {
    if (!is_bucket_name(call.bucket))
        throw ApiError(400, "InvalidBucketName", "The specified bucket is not valid.",
                       {{"BucketName", call.bucket}});
    Bucket bucket{.name = call.bucket, .region = wanted_region(service, call), .created = call.now};
    Response out = empty_response(200);
    out.set("Location", "/" + bucket.name);
    if (const Bucket* there = service.storage.find_bucket(call.bucket)) {
        // As it always was in us-east-1: whoever makes his bucket again is told that all is well.
        if (service.region == "us-east-1" && there->region == bucket.region) return out;
        throw ApiError(409, "BucketAlreadyOwnedByYou",
                       "Your previous request to create the named bucket succeeded and you already own it.",
                       {{"BucketName", call.bucket}});
    }
    std::string lock = call.header("x-amz-bucket-object-lock-enabled");
    if (lock == "true" || lock == "True") {
        bucket.lock_enabled = true;
        bucket.versioning = Versioning::enabled;
    }
    service.storage.save_bucket(bucket);
    return out;
}

Response head_bucket(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    Response out = empty_response(200);
    out.set("x-amz-bucket-region", bucket.region);
    out.set("Content-Type", "application/xml");
    return out;
}

Response delete_bucket(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    // Unfinished uploads do not keep it: they go with it.
    if (!bucket.keys.empty())
        throw ApiError(
            409, "BucketNotEmpty",
            bucket.versioning == Versioning::never
                ? "The bucket you tried to delete is not empty"
                : "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
            {{"BucketName", call.bucket}});
    service.storage.remove_bucket(call.bucket);
    return empty_response(204);
}

Response get_bucket_location(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    std::string body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    body += format("<LocationConstraint xmlns=\"{}\"", kXmlNamespace);
    body += bucket.region == "us-east-1" ? "/>" : format(">{}</LocationConstraint>", bucket.region);
    return xml_response(body);
}

}  // namespace icecore::sim::s3
