#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "cloud/http.h"

namespace icecore::cloud {

std::string percent_encode(std::string_view text, bool keep_slashes) {
    std::string out;
    for (char c : text) {
        bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
        if (unreserved || (c == '/' && keep_slashes))
            out += c;
        else
            out += format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string service_endpoint(std::string_view service, std::string_view region) {
    return format("https://{}.{}.amazonaws.com{}", service, region, region.starts_with("cn-") ? ".cn" : "");
}

bool is_loopback_ipv4(std::string_view host) {
    return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Url parse_url(std::string_view url) {
    auto fail = [&](std::string_view why) {
        // What stands before '@' may be a password, what stands after '?' a token.
        bool secret = url.find_first_of("@?") != std::string_view::npos;
        throw Error(Error::Kind::invalid,
                    secret ? format("a URL cannot be used: {}", why)
                           : format("\"{}\" is no URL that can be used: {}", url, why),
                    "expected https://HOST[:PORT]");
    };
    Url out;
    std::size_t colon = url.find("://");
    if (colon == std::string_view::npos) fail("it has no scheme");
    out.scheme = std::string(url.substr(0, colon));
    if (out.scheme != "http" && out.scheme != "https") fail("only http and https are known");
    std::string_view rest = url.substr(colon + 3);
    std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    out.host = std::string(rest.substr(0, end));
    rest.remove_prefix(end);
    if (out.host.empty()) fail("it has no host");
    if (out.host.find('@') != std::string::npos) fail("it holds a user name");
    bool odd =
        std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c == '\x7f' || c == '#'; });
    if (odd) fail("it holds a character that must be percent-encoded");
    std::size_t question = rest.find('?');
    out.path = question == 0 || rest.empty() ? std::string(1, '/') : std::string(rest.substr(0, question));
    if (question != std::string_view::npos) out.query = std::string(rest.substr(question + 1));
    return out;
}

const std::string* HttpResponse::header(std::string_view name) const {
    auto same = [&](const HttpHeader& header) {
        return std::equal(
            header.name.begin(), header.name.end(), name.begin(), name.end(), [](char a, char b) {
                auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
                return lower(a) == lower(b);
            });
    };
    auto found = std::find_if(headers.begin(), headers.end(), same);
    return found == headers.end() ? nullptr : &found->value;
}

}  // namespace icecore::cloud
