#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "cloud/http.h"

namespace icecore::sim {

using cloud::HttpHeader;

/// The head of a request, as it came over the wire: signatures cover it byte by byte.
struct Request {
    std::string method;
    std::string path;   ///< still percent-encoded
    std::string query;  ///< likewise, without '?'
    std::vector<HttpHeader> headers;
    std::optional<std::uint64_t> content_bytes;
    bool chunked = false;  ///< with Transfer-Encoding instead
    bool keep_alive = true;
    bool expects_continue = false;

    /// Value of the header `name` (in any case), or nullptr.
    const std::string* header(std::string_view name) const;
};

/// The largest head of a request that is read.
inline constexpr std::size_t kHeadBytesMax = 64 << 10;

/// Parses the head at the front of `data`. Returns how long it is, or 0 if it is not complete yet. Throws
/// Error{invalid} for what is no HTTP/1.1 request.
std::size_t parse_head(std::string_view data, Request& out);

/// The bytes of a request's body, in order.
class RequestBody {
  public:
    virtual ~RequestBody() = default;
    virtual std::uint64_t left_bytes() const = 0;
    /// Puts the next 1 MiB, or what is left of the body, into `piece` instead of what it held; nothing at the
    /// end. Throws ConnectionLost if it breaks off.
    virtual void next(Buffer& piece) = 0;
};

/// The bytes of a response's body that do not fit in memory.
class BodySource {
  public:
    virtual ~BodySource() = default;
    /// Fills `buffer` from `offset` of the body on, all of it. Throws Error.
    virtual void read(std::uint64_t offset, char* buffer, std::size_t size) = 0;
};

struct Response {
    int status = 200;
    std::vector<HttpHeader> headers;
    std::string body;
    std::unique_ptr<BodySource> stream = {};  ///< instead of `body`
    std::uint64_t stream_bytes = 0;
    /// What Content-Length says in answer to HEAD, which has no body.
    std::optional<std::uint64_t> head_bytes = {};

    std::uint64_t body_bytes() const { return stream ? stream_bytes : body.size(); }
    void set(std::string name, std::string value) { headers.push_back({std::move(name), std::move(value)}); }
};

/// ASCII letters only.
std::string lower_case(std::string_view text);
/// "Not Found".
std::string_view status_text(int status);
/// Undoes percent-encoding; nullopt for a '%' without two hex digits.
std::optional<std::string> percent_decode(std::string_view text);
/// The parameters of a query string, decoded; of several of one name the last counts. What cannot be decoded
/// stays as it is.
std::map<std::string, std::string> query_parameters(std::string_view query);
/// A decimal number of digits only that fits; nullopt otherwise.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace icecore::sim
