#include "cloud/credential_services.h"

#include <array>
#include <pugixml.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "cloud/credential_process.h"

namespace icecore::cloud {
namespace {

constexpr std::int64_t kStsTimeoutMs = 20'000;
constexpr std::int64_t kContainerTimeoutMs = 2'000;
constexpr std::int64_t kInstanceTimeoutMs = 1'000;
constexpr unsigned kContainerAttempts = 3;
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

std::string first_line_trimmed(std::string text) {
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
    return text;
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
    bool allowed = url.scheme == "https" || host.starts_with("127.");
    for (std::string_view name : kAllowed) allowed |= host == name;
    if (!allowed)
        throw Error(
            Error::Kind::denied,
            format("AWS_CONTAINER_CREDENTIALS_FULL_URI names {}, which is not asked without TLS", host));
}

}  // namespace

Credentials assume_web_identity(const CredentialsOptions& options, const WebIdentity& identity,
                                const std::string& region) {
    std::string token;
    try {
        token = first_line_trimmed(read_file(identity.token_file));
    } catch (const Error& e) {
        throw Error(Error::Kind::denied, format("the web identity token cannot be read: {}", e.message()));
    }
    std::string url = options.sts_url;
    if (url.empty())
        url = region.empty() ? "https://sts.amazonaws.com" : format("https://sts.{}.amazonaws.com", region);
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
    HttpResponse response = client(options, kStsTimeoutMs, true)->send(request);
    pugi::xml_document document;
    bool parsed = static_cast<bool>(document.load_buffer(response.body.data(), response.body.size()));
    if (response.status != 200) {
        std::string message =
            parsed ? document.select_node("//*[local-name()='Message']").node().child_value() : "";
        throw Error(response.status >= 500 ? Error::Kind::transient : Error::Kind::denied,
                    format("STS does not give credentials for {} (status {}): {}", identity.role_arn,
                           response.status, message));
    }
    auto text = [&](const char* name) {
        return std::string(
            document.select_node(format("//*[local-name()='Credentials']/*[local-name()='{}']", name).c_str())
                .node()
                .child_value());
    };
    Credentials out{text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"),
                    parse_utc(text("Expiration"))};
    if (!parsed || out.access_key_id.empty() || out.secret_access_key.empty() || !out.expires)
        throw Error(Error::Kind::denied, "the answer of STS holds no credentials");
    return out;
}

std::optional<Credentials> container_credentials(const CredentialsOptions& options) {
    std::string relative = variable(options, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    std::string url = variable(options, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative.empty()) url = "http://169.254.170.2" + relative;
    if (url.empty()) return std::nullopt;
    check_container_host(parse_url(url));
    std::string token = variable(options, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (std::string file = variable(options, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty())
        token = first_line_trimmed(read_file(file));
    HttpRequest request = get(url);
    if (!token.empty()) request.headers.push_back({"Authorization", token});
    for (unsigned attempt = 1;; ++attempt) {
        try {
            HttpResponse response = client(options, kContainerTimeoutMs, false)->send(request);
            if (response.status == 200) return parse_credentials_json(response.body, "the container");
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
    if (disabled == "true" || disabled == "TRUE" || disabled == "True" || disabled == "1")
        return std::nullopt;
    std::unique_ptr<HttpClient> http = client(options, kInstanceTimeoutMs, false);
    HttpRequest request;
    request.method = "PUT";
    request.url = options.instance_metadata_url + "/latest/api/token";
    request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", std::string(kTokenSeconds)}};
    HttpResponse token;
    try {
        token = http->send(request);
    } catch (const Error&) {
        return std::nullopt;  // not a cloud machine
    }
    if (token.status != 200) return std::nullopt;
    std::vector<HttpHeader> headers = {{"X-aws-ec2-metadata-token", first_line_trimmed(token.body)}};
    std::string base = options.instance_metadata_url + "/latest/meta-data/iam/security-credentials/";
    HttpResponse role = http->send(get(base, headers));
    if (role.status == 404) return std::nullopt;  // a machine without a role
    std::string name = first_line_trimmed(role.body.substr(0, role.body.find('\n')));
    if (role.status != 200 || name.empty())
        throw Error(Error::Kind::denied,
                    format("the instance metadata service names no role (status {})", role.status));
    HttpResponse response = http->send(get(base + percent_encode(name), headers));
    if (response.status != 200)
        throw Error(Error::Kind::denied,
                    format("the instance metadata service has no credentials for role {} (status {})", name,
                           response.status));
    return parse_credentials_json(response.body, "the instance's role");
}

}  // namespace icecore::cloud
