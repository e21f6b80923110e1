#include "cloud/credential_services.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/credential_reply.h"

namespace icecore::cloud {
namespace {

constexpr std::int64_t kStsTimeoutMs = 20'000;
constexpr std::int64_t kContainerTimeoutMs = 2'000;
constexpr std::int64_t kInstanceTimeoutMs = 1'000;
constexpr unsigned kContainerAttempts = 3;
constexpr std::size_t kTokenFileBytesMax = 64 << 10;
constexpr std::size_t kRoleNameBytesMax = 512;
constexpr std::string_view kTokenSeconds = "21600";

std::string variable(const CredentialsOptions& options, const std::string& name) {
    return options.environment(name).value_or("");
}

std::unique_ptr<HttpClient> client(const CredentialsOptions& options, std::int64_t timeout_ms,
                                   bool use_proxy) {
    HttpOptions http;
    http.connect_timeout_ms = timeout_ms;
    http.stall_timeout_ms = timeout_ms;
    http.use_proxy = use_proxy;
    http.user_agent = options.user_agent;
    http.ca_bundle = variable(options, "AWS_CA_BUNDLE");
    return options.make_client(std::move(http));
}

std::string without_trailing_blanks(std::string text) {
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
    return text;
}

/// `what` names it in errors.
std::string read_token(const std::string& path, std::string_view what) {
    try {
        std::string token = without_trailing_blanks(read_file(path, kTokenFileBytesMax));
        check_header_value(token, what);
        return token;
    } catch (const Error& e) {
        throw Error(Error::Kind::denied, format("{} cannot be read: {}", what, e.message()));
    }
}

HttpRequest get(std::string url, std::vector<HttpHeader> headers = {}) {
    HttpRequest request;
    request.method = "GET";
    request.url = std::move(url);
    request.headers = std::move(headers);
    return request;
}

/// Where a container may be told to fetch its credentials: over TLS, from itself, or from the two agents.
void check_container_host(const Url& url) {
    std::string host = url.host;
    if (std::size_t colon = host.rfind(':');
        colon != std::string::npos && host.find(']', colon) == std::string::npos)
        host.erase(colon);
    constexpr std::array<std::string_view, 5> kAllowed = {"localhost", "169.254.170.2", "169.254.170.23",
                                                          "[fd00:ec2::23]", "[::1]"};
    bool allowed = url.scheme == "https" || is_loopback_ipv4(host);
    for (std::string_view name : kAllowed) allowed |= host == name;
    if (!allowed)
        throw Error(
            Error::Kind::denied,
            format("the environment says that the container's credentials are at {}, which is not asked "
                   "without TLS",
                   host),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or name this machine or the container agent");
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Where the instance metadata service listens, without a slash at the end.
std::string metadata_url(const CredentialsOptions& options) {
    std::string url = variable(options, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    std::string mode = variable(options, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    std::transform(mode.begin(), mode.end(), mode.begin(), lower);
    if (url.empty()) url = mode == "ipv6" ? "http://[fd00:ec2::254]" : options.instance_metadata_url;
    if (url.ends_with('/')) url.pop_back();
    return url;
}

/// Throws Error "the instance metadata service `fault` (status N)" unless it is 200.
void check_answer(const HttpResponse& response, std::string_view fault) {
    if (response.status == 200) return;
    throw Error(response.status >= 500 ? Error::Kind::transient : Error::Kind::denied,
                format("the instance metadata service {} (status {})", fault, response.status));
}

}  // namespace

Credentials assume_web_identity(const CredentialsOptions& options, const WebIdentity& identity,
                                const std::string& region) {
    std::string token = read_token(identity.token_file, "the web identity token");
    std::string url = options.sts_url;
    if (url.empty()) url = variable(options, "AWS_ENDPOINT_URL_STS");
    if (url.empty()) url = region.empty() ? "https://sts.amazonaws.com" : service_endpoint("sts", region);
    if (url.ends_with('/')) url.pop_back();
    HttpRequest request;
    request.method = "POST";
    request.url = url + "/";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = format(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={"
        "}",
        percent_encode(identity.role_arn),
        percent_encode(identity.session_name.empty() ? "icecore" : identity.session_name),
        percent_encode(token));
    return parse_sts_reply(client(options, kStsTimeoutMs, true)->send(request), identity.role_arn);
}

std::optional<Credentials> container_credentials(const CredentialsOptions& options) {
    std::string relative = variable(options, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    std::string url = variable(options, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative.empty()) url = "http://169.254.170.2" + relative;
    if (url.empty()) return std::nullopt;
    check_container_host(parse_url(url));
    std::string token = variable(options, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (std::string file = variable(options, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty())
        token = read_token(file, "the container's authorization token");
    check_header_value(token, "the container's authorization token");
    HttpRequest request = get(url);
    if (!token.empty()) request.headers.push_back({"Authorization", token});
    for (unsigned attempt = 1;; ++attempt) {
        try {
            HttpResponse response = client(options, kContainerTimeoutMs, false)->send(request);
            if (response.status == 200)
                return parse_credentials_json(response.body, "the container's service");
            throw Error(
                response.status >= 500 ? Error::Kind::transient : Error::Kind::denied,
                format("the container's credential service answered with status {}", response.status));
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::transient || attempt == kContainerAttempts) throw;
        }
    }
}

std::optional<Credentials> instance_credentials(const CredentialsOptions& options) {
    std::string disabled = variable(options, "AWS_EC2_METADATA_DISABLED");
    std::transform(disabled.begin(), disabled.end(), disabled.begin(), lower);
    if (disabled == "true") return std::nullopt;
    std::string url = metadata_url(options);
    std::unique_ptr<HttpClient> http = client(options, kInstanceTimeoutMs, false);
    HttpRequest request;
    request.method = "PUT";
    request.url = url + "/latest/api/token";
    request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", std::string(kTokenSeconds)}};
    HttpResponse token;
    try {
        token = http->send(request);
    } catch (const Error&) {
        return std::nullopt;  // not a cloud machine
    }
    if (token.status != 200) return std::nullopt;
    check_header_value(token.body, "the token of the instance metadata service");
    std::vector<HttpHeader> headers = {{"X-aws-ec2-metadata-token", token.body}};
    std::string base = url + "/latest/meta-data/iam/security-credentials/";
    HttpResponse role = http->send(get(base, headers));
    if (role.status == 404) return std::nullopt;  // a machine without a role
    check_answer(role, "names no role");
    std::string name = without_trailing_blanks(role.body.substr(0, role.body.find('\n')));
    if (name.empty() || name.size() > kRoleNameBytesMax)
        throw Error(Error::Kind::denied, "the instance metadata service names no role");
    HttpResponse response = http->send(get(base + percent_encode(name), headers));
    check_answer(response, format("has no credentials for role {}", quotable(name)));
    return parse_credentials_json(response.body, "the instance's role");
}

}  // namespace icecore::cloud
