#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random_access_source.h"

namespace icecore::cloud {

struct HttpHeader {
    std::string name;
    std::string value;
};

struct HttpRequest {
    std::string method;  ///< "GET"
    std::string url;     ///< "https://host[:port]/path?query", percent-encoded; goes out as it is
    std::vector<HttpHeader> headers;
    std::string body;  ///< what is sent, unless `content` is set
    /// Sent instead of `body`: `content_bytes` bytes from `content_offset` on, read as they go out.
    RandomAccessSource* content = nullptr;
    std::uint64_t content_offset = 0;
    std::uint64_t content_bytes = 0;
    /// False: sent once at most, over a connection of its own (a kept one may turn out to be dead after the
    /// request went out, and then nobody knows whether it arrived).
    bool repeatable = true;
};

struct HttpResponse {
    int status = 0;
    std::vector<HttpHeader> headers;
    std::string body;  ///< of what did not go to the sink
    bool cut = false;  ///< there was more of the body than kHttpBodyBytesMax

    /// Value of the header `name` (in any case), or nullptr.
    const std::string* header(std::string_view name) const;
};

/// How much of a response is kept in memory.
inline constexpr std::size_t kHttpBodyBytesMax = 8 << 20;

/// Gets the body of a response of status 2xx, in pieces, in order.
using BodySink = std::function<void(std::string_view)>;

/// Sends HTTP/1.1 requests one after the other, over connections that are kept alive. One thread at a time;
/// threads that work in parallel have a client each.
class HttpClient {
  public:
    virtual ~HttpClient() = default;
    /// Sends and waits for the whole response, of any status. Redirects are not followed (a signed request
    /// must not be carried elsewhere). Throws Error: transient (name not found, no connection, timeout,
    /// connection lost, body shorter than announced); denied (TLS: certificate not trusted or of another
    /// host; a proxy that refuses); invalid (malformed URL or header, unusable CA bundle); cancelled; corrupt
    /// (a response that is no HTTP, or has more headers than 256 KiB); io (what libcurl fails at besides);
    /// and whatever `content` or `sink` throw. Messages name the host, never headers.
    virtual HttpResponse send(const HttpRequest& request, const BodySink& sink = {}) = 0;
};

struct HttpOptions {
    std::int64_t connect_timeout_ms = 20'000;
    /// A transfer that moves nothing that long has failed.
    std::int64_t stall_timeout_ms = 60'000;
    std::string ca_bundle;   ///< a file of trusted certificates; empty: the system's
    bool use_proxy = true;   ///< as http_proxy, https_proxy, no_proxy and all_proxy say
    std::string user_agent;  ///< "icecore/0.1.0"
    /// Asked at least each second; true ends the transfer with Error{cancelled}.
    std::function<bool()> cancelled = {};
};

/// By libcurl. `options` are copied.
std::unique_ptr<HttpClient> make_http_client(HttpOptions options);

/// An absolute URL in parts, as they stand in it.
struct Url {
    std::string scheme;  ///< "http" or "https"
    std::string host;    ///< with the port if one is given, and the brackets of an IPv6 address: as in Host
    std::string path;    ///< "/" at least
    std::string query;   ///< without '?'
};
/// Throws Error{invalid} for what is no http(s) URL, or one with user and password in it, which are not
/// quoted.
Url parse_url(std::string_view url);

/// "https://SERVICE.REGION.amazonaws.com", as AWS names its endpoints.
std::string service_endpoint(std::string_view service, std::string_view region);

/// Whether it is an address of this machine alone: "127.0.0.1" and its like.
bool is_loopback_ipv4(std::string_view host);

/// The date of an HTTP header (RFC 9110, 5.6.7); nullopt for what is none.
std::optional<Timestamp> parse_http_date(const std::string& text);

/// Percent-encodes all but RFC 3986's unreserved characters; '/' too unless `keep_slashes`.
std::string percent_encode(std::string_view text, bool keep_slashes = false);

}  // namespace icecore::cloud
