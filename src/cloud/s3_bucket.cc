// Listings, and what a bucket tells of itself.

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "cloud/in_reply.h"
#include "cloud/s3_client.h"
#include "cloud/s3_headers.h"
#include "cloud/s3_pages.h"
#include "cloud/s3_reply.h"

namespace icecore::cloud {

void S3Client::list_objects(const std::string& prefix, const std::string& after,
                            const std::function<bool(const S3Object&)>& visit) {
    Parameters query = {{"encoding-type", "url"},
                        {"list-type", "2"},
                        {"max-keys", std::string(kPageSize)},
                        {"prefix", prefix}};
    if (!after.empty()) query.emplace_back("start-after", after);
    page_through(std::move(query), "listing " + url_of(prefix), "s3:ListBucket", parse_objects,
                 [&](const S3ObjectsPage& page) {
                     return std::all_of(page.objects.begin(), page.objects.end(), visit);
                 },
                 {{"x-amz-optional-object-attributes", "RestoreStatus"}});
}

void S3Client::list_versions(const std::string& prefix, const std::function<bool(const S3Object&)>& visit) {
    page_through({{"encoding-type", "url"},
                  {"max-keys", std::string(kPageSize)},
                  {"prefix", prefix},
                  {"versions", ""}},
                 "listing the versions in " + url_of(prefix), "s3:ListBucketVersions", parse_versions,
                 [&](const S3ObjectsPage& page) {
                     return std::all_of(page.objects.begin(), page.objects.end(), visit);
                 },
                 {{"x-amz-optional-object-attributes", "RestoreStatus"}});
}

void S3Client::check(const std::string& prefix) {
    std::string doing = "looking into " + url_of(prefix);
    HttpResponse response = call(
        request("GET", "",
                {{"encoding-type", "url"}, {"list-type", "2"}, {"max-keys", "1"}, {"prefix", prefix}}, doing),
        "s3:ListBucket");
    in_reply(doing, [&] { return parse_objects(response.body); });
}

std::string S3Client::get_location() {
    std::string doing = "asking where bucket " + options_.bucket + " is";
    HttpResponse response = call(request("GET", "", {{"location", ""}}, doing), "s3:GetBucketLocation");
    return in_reply(doing, [&] { return parse_location(response.body); });
}

bool S3Client::has_versions() {
    std::string doing = "asking whether bucket " + options_.bucket + " keeps versions";
    HttpResponse response = call(request("GET", "", {{"versioning", ""}}, doing), "s3:GetBucketVersioning");
    return in_reply(doing, [&] { return parse_versioning(response.body); });
}

S3LockConfiguration S3Client::get_lock_configuration() {
    std::string doing = "asking whether bucket " + options_.bucket + " has Object Lock";
    try {
        HttpResponse response =
            call(request("GET", "", {{"object-lock", ""}}, doing), "s3:GetBucketObjectLockConfiguration");
        return in_reply(doing, [&] { return parse_lock(response.body); });
    } catch (const ServiceError& e) {
        if (e.code() != "ObjectLockConfigurationNotFoundError") throw;
        return {};
    }
}

std::string S3Client::lifecycle_xml() {
    std::string doing = "asking for the lifecycle rules of bucket " + options_.bucket;
    try {
        return call(request("GET", "", {{"lifecycle", ""}}, doing), "s3:GetLifecycleConfiguration").body;
    } catch (const ServiceError& e) {
        if (e.code() != "NoSuchLifecycleConfiguration") throw;
        return "";
    }
}

std::vector<S3LifecycleRule> S3Client::get_lifecycle() {
    std::string xml = lifecycle_xml();
    if (xml.empty()) return {};
    return in_reply("reading the lifecycle rules of bucket " + options_.bucket,
                    [&] { return parse_lifecycle(xml); });
}

void S3Client::add_abort_rule(const std::string& id, const std::string& prefix, unsigned days) {
    std::string xml = in_reply("reading the lifecycle rules of bucket " + options_.bucket,
                               [&] { return with_abort_rule(lifecycle_xml(), id, prefix, days); });
    call(with_xml(
             request("PUT", "", {{"lifecycle", ""}}, "adding a lifecycle rule to bucket " + options_.bucket),
             std::move(xml)),
         "s3:PutLifecycleConfiguration");
}

}  // namespace icecore::cloud
