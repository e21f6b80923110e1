#include "cloud/s3_headers.h"

#include <charconv>
#include <utility>

#include "base/base64.h"
#include "base/error.h"
#include "base/format.h"
#include "base/md5.h"
#include "base/text.h"
#include "cloud/s3_reply.h"

namespace icecore::cloud {
namespace {

using Kind = Error::Kind;

constexpr std::string_view kMetadata = "x-amz-meta-";
constexpr std::string_view kEncryption = "x-amz-server-side-encryption";

std::uint64_t parse_number(const std::string& text, std::string_view what) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        throw Error(Kind::corrupt,
                    format("the answer's {} is \"{}\" and no number", what, quotable(text, 60)));
    return value;
}

std::string etag_of(const HttpResponse& response) {
    std::string etag = unquoted_etag(header_or_empty(response, "ETag"));
    if (etag.empty()) throw Error(Kind::corrupt, "the answer has no ETag");
    return etag;
}

/// Of an object whole, or composite.
S3Checksum checksum_of(const HttpResponse& response) {
    const std::string& text = header_or_empty(response, "x-amz-checksum-sha256");
    return text.empty() ? S3Checksum{} : S3Checksum::parse(text).value_or(S3Checksum{});
}

}  // namespace

const std::string& header_or_empty(const HttpResponse& response, std::string_view name) {
    static const std::string kEmpty;
    const std::string* value = response.header(name);
    return value ? *value : kEmpty;
}

S3Stored stored_of(const HttpResponse& response) {
    return {etag_of(response), checksum_of(response), header_or_empty(response, "x-amz-version-id")};
}

void add_object_headers(std::vector<HttpHeader>& headers, const S3ObjectOptions& object) {
    if (!object.storage_class.empty()) headers.push_back({"x-amz-storage-class", object.storage_class});
    if (!object.sse.empty()) headers.push_back({std::string(kEncryption), object.sse});
    if (!object.kms_key.empty())
        headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", object.kms_key});
    if (!object.lock_mode.empty()) {
        headers.push_back({"x-amz-object-lock-mode", object.lock_mode});
        headers.push_back({"x-amz-object-lock-retain-until-date", format_iso_utc(object.locked_until)});
    }
    for (const auto& [name, value] : object.metadata)
        headers.push_back({std::string(kMetadata) + name, value});
}

S3Head head_of(const HttpResponse& response) {
    S3Head head;
    head.size_bytes = parse_number(header_or_empty(response, "Content-Length"), "Content-Length");
    head.etag = etag_of(response);
    head.checksum = checksum_of(response);
    head.storage_class = header_or_empty(response, "x-amz-storage-class");
    if (head.storage_class.empty()) head.storage_class = "STANDARD";
    head.sse = encryption_of(response);
    if (const std::string* restore = response.header("x-amz-restore"))
        head.restore = parse_restore_header(*restore);
    head.version_id = header_or_empty(response, "x-amz-version-id");
    if (head.version_id == "null") head.version_id.clear();
    head.modified = parse_http_date(header_or_empty(response, "Last-Modified"));
    head.lock_mode = header_or_empty(response, "x-amz-object-lock-mode");
    head.locked_until = parse_utc(header_or_empty(response, "x-amz-object-lock-retain-until-date"));
    for (const HttpHeader& header : response.headers) {
        std::string name = header.name;
        for (char& c : name)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (name.starts_with(kMetadata)) head.metadata[name.substr(kMetadata.size())] = header.value;
    }
    return head;
}

const std::string& encryption_of(const HttpResponse& response) {
    return header_or_empty(response, kEncryption);
}

void check_encryption(const std::string& sse, const std::string& confirmed) {
    if (sse.empty() || confirmed == sse) return;
    throw Error(
        Kind::unsupported,
        format("sse asks for \"{}\", and the store says {}", sse,
               confirmed.empty() ? "nothing of encryption" : format("\"{}\"", quotable(confirmed, 60))),
        "it does not count as stored; without sse the store's own setting holds");
}

void check_range(const HttpResponse& response, std::uint64_t offset, std::uint64_t length_bytes) {
    std::string expected = format("bytes {}-{}/", offset, offset + length_bytes - 1);
    bool whole = response.status == 200 && offset == 0;
    if (!whole && !header_or_empty(response, "Content-Range").starts_with(expected))
        throw Error(Kind::corrupt, "the service sent another range than was asked for");
}

AwsRequest with_content(AwsRequest request, const S3Content& content) {
    request.content = content.source;
    request.content_offset = content.offset;
    request.content_bytes = content.length_bytes;
    request.payload_hash = content.sha256.hex();
    request.headers.push_back({"x-amz-checksum-sha256", to_base64(content.sha256.view())});
    return request;
}

AwsRequest with_xml(AwsRequest request, std::string body) {
    request.headers.push_back({"Content-MD5", to_base64(md5(body))});
    request.headers.push_back({"Content-Type", "application/xml"});
    request.body = std::move(body);
    return request;
}

}  // namespace icecore::cloud
