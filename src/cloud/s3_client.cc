#include "cloud/s3_client.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/s3_headers.h"
#include "cloud/s3_reply.h"

namespace icecore::cloud {
namespace {

using Kind = Error::Kind;

constexpr std::string_view kEncryption = "x-amz-server-side-encryption";

bool is_region(std::string_view text) {
    return !text.empty() && text.size() <= 60 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

/// What AWS names in the message of a denied request: "… is not authorized to perform: s3:PutObject on …".
std::string action_in(std::string_view message, std::string_view service) {
    auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
    for (std::size_t at = 0; (at = message.find(service, at)) != std::string_view::npos;
         at += service.size()) {
        std::string_view name = message.substr(at + service.size());
        auto length = std::find_if_not(name.begin(), name.end(), letter) - name.begin();
        if (length > 0)
            return std::string(service) + std::string(name.substr(0, static_cast<std::size_t>(length)));
    }
    return "";
}

bool has_header(const AwsRequest& request, std::string_view name) {
    return std::any_of(request.headers.begin(), request.headers.end(),
                       [&](const HttpHeader& header) { return header.name == name; });
}

/// What is wrong is how the object shall be encrypted, as far as the store says it.
bool is_of_encryption(const ServiceError& error, const AwsRequest& request) {
    if (error.code().starts_with("KMS.") || error.code() == "InvalidEncryptionAlgorithmError") return true;
    bool says = error.message().find("ncrypt") != std::string::npos ||
                error.message().find("KMS") != std::string::npos ||
                error.message().find(kEncryption) != std::string::npos;
    // Some stores give no reason.
    bool plain =
        !has_header(request, "x-amz-storage-class") && !has_header(request, "x-amz-object-lock-mode");
    return has_header(request, kEncryption) &&
           (error.kind() == Kind::invalid || error.kind() == Kind::unsupported) && (says || plain);
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
        std::string of_key = action_in(error.message(), "kms:");
        std::string named = action_in(error.message(), "s3:");
        if (!of_key.empty())
            error.set_hint(format("let a policy of the user or role, and the key's, allow {}", of_key));
        else
            error.set_hint(format("let a policy of the user or role allow {} on bucket {}",
                                  named.empty() ? action : named, options_.bucket));
    } else if (is_of_encryption(error, request)) {
        error.set_hint(
            "is sse right, and is its key in the bucket's region? Without sse the bucket's own setting "
            "holds");
    } else if (code == "InvalidStorageClass" ||
               (code == "InvalidArgument" && has_header(request, "x-amz-storage-class"))) {
        error.set_hint("does the store have this storage class? Set another storage_class, or none");
    } else if (code == "InvalidRequest" && error.message().find("Lock") != std::string::npos) {
        error.set_hint("Object Lock is chosen when a bucket is made; leave object_lock out for this one");
    }
}

}  // namespace icecore::cloud
