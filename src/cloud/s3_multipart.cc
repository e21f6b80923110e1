// Multipart uploads.

#include <utility>

#include "base/base64.h"
#include "base/format.h"
#include "cloud/in_reply.h"
#include "cloud/s3_client.h"
#include "cloud/s3_headers.h"
#include "cloud/s3_pages.h"
#include "cloud/s3_reply.h"

namespace icecore::cloud {

std::string S3Client::create_upload(const std::string& key, const S3ObjectOptions& object,
                                    const std::string& doing) {
    AwsRequest out = request("POST", key, {{"uploads", ""}}, doing);
    out.repeatable = false;
    out.headers.push_back({"Content-Type", "application/octet-stream"});
    out.headers.push_back({"x-amz-checksum-algorithm", "SHA256"});
    out.headers.push_back({"x-amz-checksum-type", "COMPOSITE"});
    add_object_headers(out.headers, object);
    HttpResponse response = call(std::move(out), "s3:PutObject");
    return in_reply(doing, [&] {
        check_encryption(object.sse, encryption_of(response));
        return parse_upload_id(response.body);
    });
}

S3Stored S3Client::upload_part(const std::string& key, const std::string& upload_id, unsigned number,
                               const S3Content& content) {
    std::string doing = format("storing part {} of {}", number, url_of(key));
    Parameters query = {{"partNumber", format("{}", number)}, {"uploadId", upload_id}};
    HttpResponse response =
        call(with_content(request("PUT", key, std::move(query), doing), content), "s3:PutObject");
    return in_reply(doing, [&] { return stored_of(response); });
}

S3Stored S3Client::complete_upload(const std::string& key, const std::string& upload_id,
                                   const std::vector<S3Part>& parts, const S3Checksum& checksum,
                                   bool create_only) {
    std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (const S3Part& part : parts) {
        body += format("<Part><PartNumber>{}</PartNumber><ETag>\"{}\"</ETag>", part.number,
                       xml_escape(part.etag));
        if (!checksum.sha256.empty())
            body += format("<ChecksumSHA256>{}</ChecksumSHA256>", to_base64(part.sha256.view()));
        body += "</Part>";
    }
    body += "</CompleteMultipartUpload>";
    std::string doing = "completing " + url_of(key);
    AwsRequest out = request("POST", key, {{"uploadId", upload_id}}, doing);
    out.fails_with_success = true;
    out.headers.push_back({"Content-Type", "application/xml"});
    if (!checksum.sha256.empty()) out.headers.push_back({"x-amz-checksum-sha256", checksum.text()});
    if (create_only) out.headers.push_back({"If-None-Match", "*"});
    out.body = std::move(body);
    HttpResponse response = call(std::move(out), "s3:PutObject");
    return in_reply(doing, [&] {
        S3Stored stored = parse_completed(response.body);
        stored.version_id = header_or_empty(response, "x-amz-version-id");
        return stored;
    });
}

void S3Client::abort_upload(const std::string& key, const std::string& upload_id) {
    try {
        call(request("DELETE", key, {{"uploadId", upload_id}}, "giving up an upload of " + url_of(key)),
             "s3:AbortMultipartUpload");
    } catch (const ServiceError& e) {
        if (e.code() != "NoSuchUpload") throw;
    }
}

bool S3Client::list_parts(const std::string& key, const std::string& upload_id,
                          const std::function<void(const S3Part&)>& visit) {
    try {
        page_through(
            {{"max-parts", std::string(kPageSize)}, {"uploadId", upload_id}},
            "asking which parts there are of " + url_of(key), "s3:ListMultipartUploadParts", parse_parts,
            [&](const S3PartsPage& page) {
                for (const S3Part& part : page.parts) visit(part);
                return true;
            },
            {}, key);
        return true;
    } catch (const ServiceError& e) {
        if (e.code() != "NoSuchUpload") throw;
        return false;
    }
}

void S3Client::list_uploads(const std::string& prefix, const std::function<void(const S3Upload&)>& visit) {
    page_through({{"encoding-type", "url"},
                  {"max-uploads", std::string(kPageSize)},
                  {"prefix", prefix},
                  {"uploads", ""}},
                 "listing the unfinished uploads in " + url_of(prefix), "s3:ListBucketMultipartUploads",
                 parse_uploads, [&](const S3UploadsPage& page) {
                     for (const S3Upload& upload : page.uploads) visit(upload);
                     return true;
                 });
}

}  // namespace icecore::cloud
