#include "sim/auth.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/format.h"
#include "cloud/sigv4.h"
#include "sim/api_error.h"

namespace icecore::sim {
namespace {

constexpr std::uint64_t kPresignedSecMax = 7 * 24 * 3600;

using Reason = SignatureRefused::Reason;

[[noreturn]] void refuse(Reason reason, std::string message) {
    throw SignatureRefused(reason, std::move(message));
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

void take_credential(std::string_view credential, SignatureClaim& out) {
    std::vector<std::string> scope = split(credential, '/');
    if (scope.size() != 5 || scope[4] != "aws4_request" || out.signed_headers.empty() ||
        out.signature.empty())
        refuse(Reason::malformed, "A signature needs Credential (with a scope), SignedHeaders and Signature");
    out.key_id = scope[0];
    out.date = scope[1];
    out.region = scope[2];
    out.service = scope[3];
}

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

/// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…"; clients differ in the blanks.
SignatureClaim claim_of_header(const Request& request, std::string_view value) {
    SignatureClaim out;
    const std::string* date = request.header("x-amz-date");
    if (date == nullptr) refuse(Reason::missing, "Request is missing x-amz-date");
    out.amz_date = *date;
    if (const std::string* token = request.header("x-amz-security-token")) out.token = *token;
    if (!value.starts_with(kAlgorithm) || !value.substr(kAlgorithm.size()).starts_with(' '))
        refuse(Reason::malformed, "Unsupported AWS 'algorithm': AWS4-HMAC-SHA256 is expected");
    std::string credential;
    for (std::string_view field : split(value.substr(kAlgorithm.size() + 1), ',')) {
        field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
        auto take = [&](std::string_view name) {
            return field.starts_with(name) ? field.substr(name.size()) : std::string_view();
        };
        if (auto v = take("Credential="); !v.empty()) credential = v;
        if (auto v = take("SignedHeaders="); !v.empty()) out.signed_headers = split(v, ';');
        if (auto v = take("Signature="); !v.empty()) out.signature = v;
    }
    take_credential(credential, out);
    return out;
}

/// X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders, -Signature, -Security-Token.
SignatureClaim claim_of_query(std::map<std::string, std::string> query) {
    SignatureClaim out;
    if (query["X-Amz-Algorithm"] != kAlgorithm)
        refuse(Reason::malformed, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    out.amz_date = query["X-Amz-Date"];
    out.token = query["X-Amz-Security-Token"];
    out.signed_headers = split(query["X-Amz-SignedHeaders"], ';');
    out.signature = query["X-Amz-Signature"];
    out.expires_sec = parse_decimal(query["X-Amz-Expires"]);
    if (!out.expires_sec || *out.expires_sec == 0 || *out.expires_sec > kPresignedSecMax)
        refuse(Reason::malformed, "X-Amz-Expires must be a number of seconds from 1 to 604800");
    take_credential(query["X-Amz-Credential"], out);
    return out;
}

/// A query without the signature that is of the rest.
std::string without_signature(std::string_view query) {
    std::string out;
    for (const std::string& parameter : split(query, '&')) {
        if (parameter.starts_with("X-Amz-Signature=")) continue;
        if (!out.empty()) out += '&';
        out += parameter;
    }
    return out;
}

/// The headers that the signature covers, all of them that are there by each name.
std::vector<HttpHeader> signed_headers(const Request& request, const std::vector<std::string>& names) {
    auto lower = [](std::string text) {
        for (char& c : text)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        return text;
    };
    if (!std::is_sorted(names.begin(), names.end()))
        refuse(Reason::malformed, "The names in SignedHeaders are not sorted");
    std::vector<HttpHeader> out;
    std::vector<std::string> seen;
    for (const HttpHeader& header : request.headers) {
        std::string name = lower(header.name);
        bool is_signed = std::find(names.begin(), names.end(), name) != names.end();
        if (!is_signed && (name == "host" || name.starts_with("x-amz-")))
            refuse(Reason::unsigned_header, format("'{}' must be a signed header", name));
        if (!is_signed) continue;
        out.push_back(header);
        seen.push_back(std::move(name));
    }
    for (const std::string& name : names)
        if (std::find(seen.begin(), seen.end(), name) == seen.end())
            refuse(Reason::unsigned_header, format("The signed header '{}' is not in the request", name));
    if (std::find(seen.begin(), seen.end(), "host") == seen.end())
        refuse(Reason::unsigned_header, "'host' must be a signed header");
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
        refuse(Reason::unknown_key, "The security token included in the request is invalid.");
    return *found;
}

void Authenticator::check_token(const SignatureClaim& claim, const AccessKey& key) const {
    if (claim.token != key.session_token)
        refuse(Reason::wrong_token, "The security token included in the request is invalid.");
    if (key.expires && clock_.now() >= *key.expires)
        refuse(Reason::expired_token, "The security token included in the request is expired");
}

void Authenticator::check_time(const SignatureClaim& claim, std::int64_t skew_max_sec) const {
    const std::string& amz_date = claim.amz_date;
    std::optional<Timestamp> when = amz_date.size() == 16 ? parse_utc(amz_date) : std::nullopt;
    if (!when) refuse(Reason::malformed, "x-amz-date must be of the form YYYYMMDDTHHMMSSZ");
    Timestamp now = clock_.now();
    std::int64_t minutes = skew_max_sec / 60;
    if (claim.expires_sec && now.sec >= when->sec + static_cast<std::int64_t>(*claim.expires_sec))
        refuse(Reason::expired, "Request has expired");
    if (!claim.expires_sec && when->sec < now.sec - skew_max_sec)
        refuse(Reason::skewed, format("Signature expired: {} is now earlier than {} ({} - {} min.)", amz_date,
                                      format_compact_utc({now.sec - skew_max_sec, 0}),
                                      format_compact_utc({now.sec, 0}), minutes));
    if (when->sec > now.sec + skew_max_sec)
        refuse(Reason::skewed, format("Signature not yet current: {} is still later than {} ({} + {} min.)",
                                      amz_date, format_compact_utc({now.sec + skew_max_sec, 0}),
                                      format_compact_utc({now.sec, 0}), minutes));
}

SignatureClaim Authenticator::claim(const Request& request) {
    if (const std::string* header = request.header("Authorization")) return claim_of_header(request, *header);
    if (request.query.find("X-Amz-Signature=") != std::string::npos)
        return claim_of_query(query_parameters(request.query));
    refuse(Reason::missing, "Request is missing Authentication Token (Authorization and x-amz-date)");
}

const AccessKey& Authenticator::prove(const SignatureClaim& claim, const Request& request,
                                      const Expected& expected) const {
    const AccessKey& key = find_key(claim.key_id);
    check_token(claim, key);
    check_time(claim, expected.skew_max_sec);
    if (!claim.amz_date.starts_with(claim.date) || claim.date.size() != 8)
        refuse(Reason::wrong_scope,
               format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: '{}'",
                      claim.date));
    if (claim.region != expected.region)
        refuse(Reason::wrong_scope,
               format("Credential should be scoped to a valid region, not '{}'. ", claim.region));
    if (claim.service != expected.service)
        refuse(Reason::wrong_scope,
               format("Credential should be scoped to correct service: '{}'. ", expected.service));
    cloud::SignedRequest to_sign{request.method, request.path,
                                 claim.expires_sec ? without_signature(request.query) : request.query,
                                 signed_headers(request, claim.signed_headers), expected.payload_hash};
    if (cloud::signature(cloud::canonical_request(to_sign, expected.service), claim.amz_date,
                         {expected.region, expected.service}, key.secret) != claim.signature)
        refuse(
            Reason::mismatch,
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.");
    return key;
}

void Authenticator::check(const Request& request, std::string_view service,
                          std::string_view payload_hash) const {
    try {
        SignatureClaim given = claim(request);
        if (given.expires_sec) refuse(Reason::missing, "Request is missing an Authorization header");
        prove(given, request, {region_, std::string(service), std::string(payload_hash)});
    } catch (const SignatureRefused& refused) {
        switch (refused.reason()) {
            case Reason::missing:
                throw ApiError(400, "MissingAuthenticationTokenException", refused.what());
            case Reason::unknown_key:
            case Reason::wrong_token:
                throw ApiError(400, "UnrecognizedClientException", refused.what());
            case Reason::expired_token:
                throw ApiError(403, "ExpiredTokenException", refused.what());
            default:
                throw ApiError(403, "InvalidSignatureException", refused.what());
        }
    }
}

}  // namespace icecore::sim
