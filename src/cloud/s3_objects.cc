// Operations on one object: what is stored, read, deleted, restored and locked.

#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "cloud/in_reply.h"
#include "cloud/s3_client.h"
#include "cloud/s3_headers.h"
#include "cloud/s3_reply.h"

namespace icecore::cloud {

using Kind = Error::Kind;

S3Stored S3Client::put_object(const std::string& key, const S3ObjectOptions& object, const S3Content& content,
                              bool create_only, const std::string& doing) {
    AwsRequest out = with_content(request("PUT", key, {}, doing), content);
    out.headers.push_back({"Content-Type", "application/octet-stream"});
    if (create_only) out.headers.push_back({"If-None-Match", "*"});
    add_object_headers(out.headers, object);
    HttpResponse response = call(std::move(out), "s3:PutObject");
    return in_reply(doing, [&] {
        check_encryption(object.sse, encryption_of(response));
        return stored_of(response);
    });
}

std::optional<S3Head> S3Client::head_object(const std::string& key, const std::string& version_id) {
    Parameters query;
    if (!version_id.empty()) query = {{"versionId", version_id}};
    std::string doing = "looking at " + url_of(key);
    AwsRequest out = request("HEAD", key, std::move(query), doing);
    out.headers.push_back({"x-amz-checksum-mode", "ENABLED"});
    try {
        HttpResponse response = call(std::move(out), "s3:GetObject and s3:ListBucket");
        return in_reply(doing, [&] { return head_of(response); });
    } catch (const ServiceError& e) {
        // 405: the version is a delete marker.
        if (e.kind() != Kind::not_found && e.status() != 405) throw;
        return std::nullopt;
    }
}

void S3Client::get_object(const std::string& key, const std::string& version_id, std::uint64_t offset,
                          std::uint64_t length_bytes, const BodySink& sink) {
    CHECK(length_bytes > 0);
    Parameters query;
    if (!version_id.empty()) query = {{"versionId", version_id}};
    std::string doing = "reading " + url_of(key);
    AwsRequest out = request("GET", key, std::move(query), doing);
    out.headers.push_back({"Range", format("bytes={}-{}", offset, offset + length_bytes - 1)});
    std::uint64_t received = 0;
    try {
        HttpResponse response = call(std::move(out), "s3:GetObject", [&](std::string_view piece) {
            received += piece.size();
            if (received > length_bytes)
                throw Error(Kind::corrupt, doing + ": the service sends more than was asked for");
            sink(piece);
        });
        in_reply(doing, [&] {
            if (received != length_bytes)
                throw Error(Kind::corrupt, format("it ends after {} of {} bytes", received, length_bytes));
            check_range(response, offset, length_bytes);
        });
    } catch (const ServiceError& e) {
        if (e.status() != 416) throw;
        throw Error(Kind::corrupt, format("{}: it ends before byte {}", doing, offset));
    }
}

void S3Client::delete_object(const std::string& key, const std::string& version_id) {
    Parameters query;
    if (!version_id.empty()) query = {{"versionId", version_id}};
    try {
        call(request("DELETE", key, std::move(query), "deleting " + url_of(key)),
             version_id.empty() ? "s3:DeleteObject" : "s3:DeleteObjectVersion");
    } catch (const ServiceError& e) {
        if (e.code() != "NoSuchKey" && e.code() != "NoSuchVersion") throw;
    }
}

S3RestoreAnswer S3Client::restore_object(const std::string& key, const std::string& version_id, unsigned days,
                                         S3Tier tier) {
    Parameters query = {{"restore", ""}};
    if (!version_id.empty()) query.emplace_back("versionId", version_id);
    AwsRequest out = request("POST", key, std::move(query), "asking for " + url_of(key));
    std::string body = format(
        "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>{}</Days>"
        "<GlacierJobParameters><Tier>{}</Tier></GlacierJobParameters></RestoreRequest>",
        days, tier_name(tier));
    try {
        HttpResponse response = call(with_xml(std::move(out), std::move(body)), "s3:RestoreObject");
        return response.status == 200 ? S3RestoreAnswer::there_already : S3RestoreAnswer::accepted;
    } catch (const ServiceError& e) {
        if (e.code() == "RestoreAlreadyInProgress") return S3RestoreAnswer::in_progress;
        if (e.code() == "GlacierExpeditedRetrievalNotAvailable") return S3RestoreAnswer::not_now;
        if (e.code() == "InvalidObjectState" || e.code() == "ObjectAlreadyInActiveTierError")
            return S3RestoreAnswer::not_cold;
        if (e.status() == 501) return S3RestoreAnswer::unknown_to_store;
        throw;
    }
}

void S3Client::put_retention(const std::string& key, const std::string& version_id, const std::string& mode,
                             Timestamp until) {
    Parameters query = {{"retention", ""}};
    if (!version_id.empty()) query.emplace_back("versionId", version_id);
    std::string body = format(
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>"
        "<RetainUntilDate>{}</RetainUntilDate></Retention>",
        xml_escape(mode), format_iso_utc(until));
    call(with_xml(request("PUT", key, std::move(query), "locking " + url_of(key)), std::move(body)),
         "s3:PutObjectRetention");
}

std::optional<Timestamp> S3Client::get_retention(const std::string& key, const std::string& version_id) {
    Parameters query = {{"retention", ""}};
    if (!version_id.empty()) query.emplace_back("versionId", version_id);
    std::string doing = "asking until when " + url_of(key) + " is locked";
    try {
        HttpResponse response = call(request("GET", key, std::move(query), doing), "s3:GetObjectRetention");
        return in_reply(doing, [&] { return parse_retention(response.body); });
    } catch (const ServiceError& e) {
        bool none = e.code() == "NoSuchObjectLockConfiguration" ||
                    e.code() == "ObjectLockConfigurationNotFoundError" ||
                    (e.code() == "InvalidRequest" && e.status() == 400);
        if (!none) throw;
        return std::nullopt;
    }
}

}  // namespace icecore::cloud
