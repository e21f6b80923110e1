#include "cloud/sigv4.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"

namespace icecore::cloud {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

/// Without blanks at the ends, and with one where there were several.
std::string collapse_blanks(std::string_view value) {
    std::string out;
    for (char c : value) {
        if (c == '\t') c = ' ';
        if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
        out += c;
    }
    if (out.ends_with(' ')) out.pop_back();
    return out;
}

/// Names in lower case, sorted; the values of one name joined by commas.
std::vector<HttpHeader> canonical_headers(const std::vector<HttpHeader>& headers) {
    std::vector<HttpHeader> sorted;
    for (const HttpHeader& header : headers)
        sorted.push_back({lower(header.name), collapse_blanks(header.value)});
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const HttpHeader& a, const HttpHeader& b) { return a.name < b.name; });
    std::vector<HttpHeader> out;
    for (HttpHeader& header : sorted) {
        if (!out.empty() && out.back().name == header.name)
            out.back().value += "," + header.value;
        else
            out.push_back(std::move(header));
    }
    return out;
}

/// Parameters sorted by encoded name, then value; "key" alone counts as "key=".
std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        std::string_view parameter = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), parameter.size() + 1));
        if (parameter.empty()) continue;
        std::size_t equals = parameter.find('=');
        if (equals == std::string_view::npos)
            parameters.emplace_back(parameter, "");
        else
            parameters.emplace_back(parameter.substr(0, equals), parameter.substr(equals + 1));
    }
    std::sort(parameters.begin(), parameters.end());
    std::string out;
    for (const auto& [name, value] : parameters) {
        if (!out.empty()) out += '&';
        out += name + "=" + value;
    }
    return out;
}

}  // namespace

std::string signed_header_names(const std::vector<HttpHeader>& headers) {
    std::string out;
    for (const HttpHeader& header : canonical_headers(headers)) {
        if (!out.empty()) out += ';';
        out += header.name;
    }
    return out;
}

std::string canonical_request(const SignedRequest& request, std::string_view service) {
    std::string path = request.path.empty() ? "/" : request.path;
    if (service != "s3") path = percent_encode(path, true);
    std::string out = request.method + "\n" + path + "\n" + canonical_query(request.query) + "\n";
    for (const HttpHeader& header : canonical_headers(request.headers))
        out += header.name + ":" + header.value + "\n";
    return out + "\n" + signed_header_names(request.headers) + "\n" + request.payload_hash;
}

std::string credential_scope(std::string_view amz_date, const SigningScope& scope) {
    return format("{}/{}/{}/aws4_request", amz_date.substr(0, 8), scope.region, scope.service);
}

std::string signing_key(std::string_view amz_date, const SigningScope& scope,
                        std::string_view secret_access_key) {
    std::string key = hmac_sha256("AWS4" + std::string(secret_access_key), amz_date.substr(0, 8));
    key = hmac_sha256(key, scope.region);
    key = hmac_sha256(key, scope.service);
    return hmac_sha256(key, "aws4_request");
}

std::string signature(std::string_view canonical_request, std::string_view amz_date,
                      const SigningScope& scope, std::string_view secret_access_key) {
    std::string to_sign = format("{}\n{}\n{}\n{}", kAlgorithm, amz_date, credential_scope(amz_date, scope),
                                 sha256(canonical_request).hex());
    return to_hex(hmac_sha256(signing_key(amz_date, scope, secret_access_key), to_sign));
}

void sign(HttpRequest& request, std::string_view payload_hash, const SigningScope& scope,
          const Credentials& credentials, Timestamp now) {
    std::string amz_date = format_compact_utc(now);
    request.headers.push_back({"x-amz-date", amz_date});
    if (!credentials.session_token.empty())
        request.headers.push_back({"x-amz-security-token", credentials.session_token});
    Url url = parse_url(request.url);
    SignedRequest to_sign{request.method, url.path, url.query, request.headers, std::string(payload_hash)};
    to_sign.headers.push_back({"host", url.host});
    std::string value = format(
        "{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, credentials.access_key_id,
        credential_scope(amz_date, scope), signed_header_names(to_sign.headers),
        signature(canonical_request(to_sign, scope.service), amz_date, scope, credentials.secret_access_key));
    request.headers.push_back({"Authorization", std::move(value)});
}

}  // namespace icecore::cloud
