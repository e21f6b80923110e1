#include "cloud/s3_client.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/base64.h"
#include "base/error.h"
#include "base/format.h"
#include "base/md5.h"
#include "base/text.h"
#include "cloud/in_reply.h"
#include "cloud/s3_reply.h"

namespace icecore::cloud {
namespace {

using Kind = Error::Kind;

constexpr std::string_view kPageSize = "1000";
constexpr std::string_view kMetadata = "x-amz-meta-";

const std::string& header_or_empty(const HttpResponse& response, std::string_view name) {
    static const std::string kEmpty;
    const std::string* value = response.header(name);
    return value ? *value : kEmpty;
}

std::uint64_t parse_number(const std::string& text, std::string_view what) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        throw Error(Kind::corrupt,
                    format("the answer's {} is \"{}\" and no number", what, quotable(text, 60)));
    return value;
}

/// Of an object whole, or composite.
S3Checksum checksum_of(const HttpResponse& response) {
    const std::string& text = header_or_empty(response, "x-amz-checksum-sha256");
    return text.empty() ? S3Checksum{} : S3Checksum::parse(text).value_or(S3Checksum{});
}

S3Stored stored_of(const HttpResponse& response) {
    return {unquoted_etag(header_or_empty(response, "ETag")), checksum_of(response),
            header_or_empty(response, "x-amz-version-id")};
}

bool is_region(std::string_view text) {
    return !text.empty() && text.size() <= 60 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

void add_object_headers(std::vector<HttpHeader>& headers, const S3ObjectOptions& object) {
    if (!object.storage_class.empty()) headers.push_back({"x-amz-storage-class", object.storage_class});
    if (!object.sse.empty()) headers.push_back({"x-amz-server-side-encryption", object.sse});
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
    head.etag = unquoted_etag(header_or_empty(response, "ETag"));
    head.checksum = checksum_of(response);
    head.storage_class = header_or_empty(response, "x-amz-storage-class");
    if (head.storage_class.empty()) head.storage_class = "STANDARD";
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

/// "Content-Range: bytes 0-1048575/8388608" must say what was asked for.
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

/// A body with the checksums that some operations demand, in the old way and the new one.
AwsRequest with_xml(AwsRequest request, std::string body) {
    request.headers.push_back({"Content-MD5", to_base64(md5(body))});
    request.headers.push_back({"Content-Type", "application/xml"});
    request.body = std::move(body);
    return request;
}

/// What AWS names in the message of a denied request: "… is not authorized to perform: s3:PutObject on …".
std::string action_in(std::string_view message) {
    auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
    for (std::size_t at = 0; (at = message.find("s3:", at)) != std::string_view::npos; at += 3) {
        std::string_view name = message.substr(at + 3);
        auto length = std::find_if_not(name.begin(), name.end(), letter) - name.begin();
        if (length > 0) return "s3:" + std::string(name.substr(0, static_cast<std::size_t>(length)));
    }
    return "";
}

bool has_class(const AwsRequest& request) {
    return std::any_of(request.headers.begin(), request.headers.end(),
                       [](const HttpHeader& header) { return header.name == "x-amz-storage-class"; });
}

}  // namespace

/// What an error's answer says besides code and words.
struct S3Client::Learned {
    std::string region;
    std::string elsewhere;  ///< the host that it redirects to
};

bool is_amazon_endpoint(std::string_view endpoint) {
    Url url = parse_url(endpoint);
    return url.host.ends_with(".amazonaws.com") || url.host.ends_with(".amazonaws.com.cn");
}

void check_bucket_name(std::string_view name) {
    auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.';
    };
    bool dots = name.starts_with('.') || name.ends_with('.') || name.find("..") != std::string_view::npos;
    bool hyphen = name.starts_with('-') || name.ends_with('-');
    bool address = name.find_first_not_of("0123456789.") == std::string_view::npos &&
                   std::count(name.begin(), name.end(), '.') == 3;
    bool length = name.size() >= 3 && name.size() <= 63;
    // Capitals and '_' stand in some old names of us-east-1, and in other stores.
    if (!length || dots || hyphen || address || !std::all_of(name.begin(), name.end(), good))
        throw Error(Kind::invalid, format("\"{}\" cannot be a bucket's name", quotable(name, 80)),
                    "a bucket's name has 3 to 63 of a-z, 0-9, '-' and '.'");
}

S3Client::S3Client(S3Options options) : options_(std::move(options)), learned_(std::make_unique<Learned>()) {
    check_bucket_name(options_.bucket);
    open();
}

S3Client::~S3Client() = default;
S3Client::S3Client(S3Client&&) noexcept = default;

bool S3Client::at_amazon() const {
    return is_amazon_endpoint(options_.aws.endpoint);
}

std::string S3Client::url_of(std::string_view key) const {
    return format("s3://{}/{}", options_.bucket, key);
}

void S3Client::open() {
    AwsOptions aws = options_.aws;
    aws.scope.service = "s3";
    bool dots = options_.bucket.find('.') != std::string::npos;
    bool in_host = options_.addressing == S3Addressing::virtual_host ||
                   (options_.addressing == S3Addressing::automatic && at_amazon() && !dots);
    if (in_host) {
        Url url = parse_url(aws.endpoint);
        if (url.path == "/" && url.query.empty())
            aws.endpoint = format("{}://{}.{}", url.scheme, options_.bucket, url.host);
    }
    path_prefix_ = in_host ? "" : "/" + options_.bucket;
    client_ =
        std::make_unique<AwsClient>(std::move(aws), [learned = learned_.get()](const HttpResponse& response) {
            learned->region = header_or_empty(response, "x-amz-bucket-region");
            if (response.status >= 300 && response.status < 400)
                if (const std::string* location = response.header("Location"))
                    learned->elsewhere = quotable(*location, 100);
            S3ErrorReply reply = parse_s3_error(response.body);
            if (learned->region.empty()) learned->region = reply.region;
            if (learned->elsewhere.empty()) learned->elsewhere = quotable(reply.endpoint, 100);
            return reply.error;
        });
}

AwsRequest S3Client::request(std::string method, const std::string& key, Parameters query,
                             std::string doing) const {
    AwsRequest out;
    out.method = std::move(method);
    out.path = path_prefix_ + (key.empty() ? "" : "/" + percent_encode(key, true));
    if (out.path.empty()) out.path = "/";
    std::sort(query.begin(), query.end());
    for (const auto& [name, value] : query) {
        if (!out.query.empty()) out.query += '&';
        out.query += name + "=" + percent_encode(value);
    }
    out.doing = std::move(doing);
    return out;
}

HttpResponse S3Client::call(AwsRequest request, std::string_view action, const BodySink& sink) {
    std::string relative = request.path.substr(path_prefix_.size());
    for (bool moved = false;; moved = true) {
        *learned_ = {};
        request.path = path_prefix_ + relative;
        if (request.path.empty()) request.path = "/";
        try {
            return client_->call(request, sink);
        } catch (ServiceError& e) {
            if (!moved && follow_region(e)) continue;
            if (e.status() == 400 && request.query.find("versionId=") != std::string::npos &&
                (e.code().empty() || e.code() == "InvalidArgument"))
                throw ServiceError(Kind::not_found, 404, "NoSuchVersion", e.message(), "");
            explain(e, request, action);
            throw;
        }
    }
}

/// The bucket is in another region: the next request goes there.
bool S3Client::follow_region(const ServiceError& error) {
    bool misplaced = (error.status() >= 300 && error.status() < 400) || error.status() == 400;
    const std::string region = learned_->region;
    if (!misplaced || !is_region(region) || region == options_.aws.scope.region) return false;
    std::string old = std::exchange(options_.aws.scope.region, region);
    if (options_.aws.endpoint == service_endpoint("s3", old))
        options_.aws.endpoint = service_endpoint("s3", region);
    open();
    if (options_.on_notice)
        options_.on_notice(format("bucket {} is in region {}, not in {}: set region = \"{}\"",
                                  options_.bucket, region, quotable(old, 60), region));
    return true;
}

void S3Client::explain(ServiceError& error, const AwsRequest& request, std::string_view action) const {
    const std::string& code = error.code();
    if (error.status() >= 300 && error.status() < 400) {
        std::string where = learned_->elsewhere.empty() ? "another address" : learned_->elsewhere;
        error.set_hint(format(
            "it sends us to {}, where nothing of ours is sent unasked: set endpoint, or region", where));
    } else if (code == "NoSuchBucket") {
        error.set_hint(
            format("is bucket \"{}\" spelled right, and is it at this endpoint?", options_.bucket));
    } else if (error.kind() == Kind::denied && (code == "AccessDenied" || code.empty())) {
        std::string named = action_in(error.message());
        error.set_hint(format("let a policy of the user or role allow {} on bucket {}",
                              named.empty() ? action : named, options_.bucket));
    } else if (code == "InvalidStorageClass" || (code == "InvalidArgument" && has_class(request))) {
        error.set_hint("does the store have this storage class? Set another storage_class, or none");
    } else if (code == "InvalidRequest" && error.message().find("Lock") != std::string::npos) {
        error.set_hint("Object Lock is chosen when a bucket is made; leave object_lock out for this one");
    }
}

template <typename Parse, typename Visit>
void S3Client::page_through(Parameters query, const std::string& doing, std::string_view action,
                            const Parse& parse, const Visit& visit, const std::vector<HttpHeader>& headers,
                            const std::string& key) {
    Parameters next;
    do {
        Parameters all = query;
        all.insert(all.end(), next.begin(), next.end());
        AwsRequest page_request = request("GET", key, std::move(all), doing);
        page_request.headers = headers;
        HttpResponse response = call(std::move(page_request), action);
        auto page = in_reply(doing, [&] { return parse(response.body); });
        if (!page.next.empty() && page.next == next)
            throw Error(Kind::corrupt, doing + ": the list goes round in circles");
        if (!visit(page)) return;
        next = std::move(page.next);
    } while (!next.empty());
}

// ---- objects ----

S3Stored S3Client::put_object(const std::string& key, const S3ObjectOptions& object, const S3Content& content,
                              bool create_only, const std::string& doing) {
    AwsRequest out = with_content(request("PUT", key, {}, doing), content);
    out.headers.push_back({"Content-Type", "application/octet-stream"});
    if (create_only) out.headers.push_back({"If-None-Match", "*"});
    add_object_headers(out.headers, object);
    return stored_of(call(std::move(out), "s3:PutObject"));
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

// ---- multipart uploads ----

std::string S3Client::create_upload(const std::string& key, const S3ObjectOptions& object,
                                    const std::string& doing) {
    AwsRequest out = request("POST", key, {{"uploads", ""}}, doing);
    out.repeatable = false;
    out.headers.push_back({"Content-Type", "application/octet-stream"});
    out.headers.push_back({"x-amz-checksum-algorithm", "SHA256"});
    out.headers.push_back({"x-amz-checksum-type", "COMPOSITE"});
    add_object_headers(out.headers, object);
    HttpResponse response = call(std::move(out), "s3:PutObject");
    return in_reply(doing, [&] { return parse_upload_id(response.body); });
}

S3Stored S3Client::upload_part(const std::string& key, const std::string& upload_id, unsigned number,
                               const S3Content& content) {
    return stored_of(
        call(with_content(request("PUT", key, {{"partNumber", format("{}", number)}, {"uploadId", upload_id}},
                                  format("storing part {} of {}", number, url_of(key))),
                          content),
             "s3:PutObject"));
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

// ---- listings ----

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

// ---- cold objects ----

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

// ---- locks ----

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

// ---- the bucket ----

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
