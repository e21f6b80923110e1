// The one place that includes Boost.Beast: it compiles slowly.
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>

#include "base/error.h"
#include "base/format.h"
#include "sim/http_message.h"

namespace icecore::sim {

namespace http = boost::beast::http;

std::size_t parse_head(std::string_view data, Request& out) {
    std::size_t end = data.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        if (data.size() >= kHeadBytesMax)
            throw Error(Error::Kind::invalid, format("a request's head exceeds {} bytes", kHeadBytesMax));
        return 0;
    }
    std::size_t size = end + 4;
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kHeadBytesMax);
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    boost::system::error_code error;
    parser.put(boost::asio::buffer(data.data(), size), error);
    if (error && error != http::error::need_more)
        throw Error(Error::Kind::invalid, format("no HTTP request: {}", error.message()));
    if (!parser.is_header_done()) throw Error(Error::Kind::invalid, "no HTTP request: its head breaks off");
    const auto& message = parser.get();
    std::string target(message.target());
    out = {};
    out.method = std::string(message.method_string());
    out.path = target.substr(0, target.find('?'));
    if (out.path.size() < target.size()) out.query = target.substr(out.path.size() + 1);
    for (const auto& field : message)
        out.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    if (parser.content_length()) out.content_bytes = *parser.content_length();
    out.chunked = parser.chunked();
    out.keep_alive = message.keep_alive();
    const std::string* expect = out.header("Expect");
    out.expects_continue = expect != nullptr && boost::beast::iequals(*expect, "100-continue");
    return size;
}

}  // namespace icecore::sim
