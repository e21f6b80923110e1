#include "sim/auth.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "cloud/sigv4.h"
#include "sim/api_error.h"

namespace icecore::sim {
namespace {

[[noreturn]] void refuse(std::string message) {
    throw ApiError(403, "InvalidSignatureException", std::move(message));
}

std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> out;
    for (;;) {
        std::size_t end = std::min(text.find(at), text.size());
        out.emplace_back(text.substr(0, end));
        if (end == text.size()) return out;
        text.remove_prefix(end + 1);
    }
}

/// What an Authorization header says.
struct Authorization {
    std::string key_id;
    std::string date;
    std::string region;
    std::string service;
    std::vector<std::string> signed_headers;
    std::string signature;
};

/// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…"; clients differ in the blanks.
Authorization parse_authorization(std::string_view value) {
    constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256 ";
    if (!value.starts_with(kAlgorithm)) refuse("Unsupported AWS 'algorithm': AWS4-HMAC-SHA256 is expected");
    Authorization out;
    std::string credential;
    for (std::string_view field : split(value.substr(kAlgorithm.size()), ',')) {
        field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
        auto take = [&](std::string_view name) {
            return field.starts_with(name) ? field.substr(name.size()) : std::string_view();
        };
        if (auto v = take("Credential="); !v.empty()) credential = v;
        if (auto v = take("SignedHeaders="); !v.empty()) out.signed_headers = split(v, ';');
        if (auto v = take("Signature="); !v.empty()) out.signature = v;
    }
    std::vector<std::string> scope = split(credential, '/');
    if (scope.size() != 5 || scope[4] != "aws4_request" || out.signed_headers.empty() ||
        out.signature.empty())
        refuse("The Authorization header needs Credential (with a scope), SignedHeaders and Signature");
    out.key_id = scope[0];
    out.date = scope[1];
    out.region = scope[2];
    out.service = scope[3];
    return out;
}

/// The headers that the signature covers, all of them that are there by each name.
std::vector<HttpHeader> signed_headers(const Request& request, const std::vector<std::string>& names) {
    auto lower = [](std::string text) {
        for (char& c : text)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        return text;
    };
    if (!std::is_sorted(names.begin(), names.end())) refuse("The names in SignedHeaders are not sorted");
    std::vector<HttpHeader> out;
    std::vector<std::string> seen;
    for (const HttpHeader& header : request.headers) {
        std::string name = lower(header.name);
        bool is_signed = std::find(names.begin(), names.end(), name) != names.end();
        if (!is_signed && (name == "host" || name.starts_with("x-amz-")))
            refuse(format("'{}' must be a signed header", name));
        if (!is_signed) continue;
        out.push_back(header);
        seen.push_back(std::move(name));
    }
    for (const std::string& name : names)
        if (std::find(seen.begin(), seen.end(), name) == seen.end())
            refuse(format("The signed header '{}' is not in the request", name));
    if (std::find(seen.begin(), seen.end(), "host") == seen.end()) refuse("'host' must be a signed header");
    return out;
}

}  // namespace

AccessKey parse_access_key(std::string_view text) {
    std::vector<std::string> parts = split(text, ':');
    auto fail = [](const char* message) {
        throw Error(Error::Kind::invalid, message, "expected KEY:SECRET[:TOKEN[:YYYYMMDDTHHMMSSZ]]");
    };
    if (parts.size() < 2 || parts.size() > 4) fail("credentials that cannot be used");
    AccessKey key{parts[0], parts[1]};
    if (parts.size() > 2) key.session_token = parts[2];
    if (parts.size() > 3) {
        key.expires = parse_utc(parts[3]);
        if (!key.expires) fail("credentials whose expiry is no time");
    }
    if (std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); }))
        fail("credentials of which a part is empty");
    return key;
}

Authenticator::Authenticator(std::vector<AccessKey> keys, std::string region, const Clock& clock)
    : keys_(std::move(keys)), region_(std::move(region)), clock_(clock) {}

const AccessKey& Authenticator::find_key(std::string_view id) const {
    auto found = std::find_if(keys_.begin(), keys_.end(), [&](const AccessKey& key) { return key.id == id; });
    if (found == keys_.end())
        throw ApiError(400, "UnrecognizedClientException",
                       "The security token included in the request is invalid.");
    return *found;
}

void Authenticator::check_token(const Request& request, const AccessKey& key) const {
    const std::string* token = request.header("x-amz-security-token");
    if ((token == nullptr ? std::string() : *token) != key.session_token)
        throw ApiError(400, "UnrecognizedClientException",
                       "The security token included in the request is invalid.");
    if (key.expires && clock_.now() >= *key.expires)
        throw ApiError(403, "ExpiredTokenException", "The security token included in the request is expired");
}

void Authenticator::check_time(std::string_view amz_date) const {
    std::optional<Timestamp> when = amz_date.size() == 16 ? parse_utc(amz_date) : std::nullopt;
    if (!when) refuse("x-amz-date must be of the form YYYYMMDDTHHMMSSZ");
    Timestamp now = clock_.now();
    if (when->sec < now.sec - kSkewMaxSec)
        refuse(format("Signature expired: {} is now earlier than {} ({} - 5 min.)", amz_date,
                      format_compact_utc({now.sec - kSkewMaxSec, 0}), format_compact_utc({now.sec, 0})));
    if (when->sec > now.sec + kSkewMaxSec)
        refuse(format("Signature not yet current: {} is still later than {} ({} + 5 min.)", amz_date,
                      format_compact_utc({now.sec + kSkewMaxSec, 0}), format_compact_utc({now.sec, 0})));
}

void Authenticator::check(const Request& request, std::string_view service,
                          std::string_view payload_hash) const {
    const std::string* header = request.header("Authorization");
    const std::string* date = request.header("x-amz-date");
    if (header == nullptr || date == nullptr)
        throw ApiError(400, "MissingAuthenticationTokenException",
                       "Request is missing Authentication Token (Authorization and x-amz-date)");
    Authorization given = parse_authorization(*header);
    const AccessKey& key = find_key(given.key_id);
    check_token(request, key);
    check_time(*date);
    if (!date->starts_with(given.date) || given.date.size() != 8)
        refuse(format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: '{}'",
                      given.date));
    if (given.region != region_)
        refuse(format("Credential should be scoped to a valid region, not '{}'. ", given.region));
    if (given.service != service)
        refuse(format("Credential should be scoped to correct service: '{}'. ", service));
    cloud::SignedRequest to_sign{request.method, request.path, request.query,
                                 signed_headers(request, given.signed_headers), std::string(payload_hash)};
    std::string expected = cloud::signature(cloud::canonical_request(to_sign, service), *date,
                                            {region_, std::string(service)}, key.secret);
    if (expected != given.signature)
        refuse(
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.");
}

}  // namespace icecore::sim
