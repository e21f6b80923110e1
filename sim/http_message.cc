#include "sim/http_message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace icecore::sim {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

const std::string* Request::header(std::string_view name) const {
    auto found = std::find_if(headers.begin(), headers.end(),
                              [&](const HttpHeader& header) { return same_name(header.name, name); });
    return found == headers.end() ? nullptr : &found->value;
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = lower(c);
    return out;
}

std::string_view status_text(int status) {
    struct Known {
        int status;
        std::string_view text;
    };
    static constexpr std::array kKnown = {
        Known{200, "OK"},
        Known{201, "Created"},
        Known{202, "Accepted"},
        Known{204, "No Content"},
        Known{206, "Partial Content"},
        Known{301, "Moved Permanently"},
        Known{304, "Not Modified"},
        Known{400, "Bad Request"},
        Known{403, "Forbidden"},
        Known{404, "Not Found"},
        Known{405, "Method Not Allowed"},
        Known{408, "Request Timeout"},
        Known{409, "Conflict"},
        Known{411, "Length Required"},
        Known{412, "Precondition Failed"},
        Known{413, "Content Too Large"},
        Known{416, "Range Not Satisfiable"},
        Known{429, "Too Many Requests"},
        Known{500, "Internal Server Error"},
        Known{501, "Not Implemented"},
        Known{503, "Service Unavailable"},
    };
    auto found =
        std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.status == status; });
    return found == kKnown.end() ? "Status" : found->text;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        std::string digits(text.substr(i + 1, 2));
        for (char& c : digits) c = lower(c);
        std::optional<std::string> byte = digits.size() == 2 ? from_hex(digits) : std::nullopt;
        if (!byte) return std::nullopt;
        out += *byte;
        i += 2;
    }
    return out;
}

std::map<std::string, std::string> query_parameters(std::string_view query) {
    std::map<std::string, std::string> out;
    auto decoded = [](std::string_view text) { return percent_decode(text).value_or(std::string(text)); };
    while (!query.empty()) {
        std::string_view parameter = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), parameter.size() + 1));
        std::size_t equals = std::min(parameter.find('='), parameter.size());
        if (parameter.empty()) continue;
        out[decoded(parameter.substr(0, equals))] =
            decoded(parameter.substr(std::min(equals + 1, parameter.size())));
    }
    return out;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace icecore::sim
