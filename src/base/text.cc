#include "base/text.h"

#include <algorithm>
#include <cstdint>

namespace icecore {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_plain(char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '\\';
}

/// U+0080 … U+009F: terminals obey some of them.
bool is_c1_control(std::string_view text) {
    return static_cast<std::uint8_t>(text[0]) == 0xc2 && static_cast<std::uint8_t>(text[1]) < 0xa0;
}

}  // namespace

std::size_t utf8_sequence_length(std::string_view text) {
    if (text.empty()) return 0;
    auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    std::uint8_t lead = at(0);
    if (lead < 0x80) return 1;
    std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                         : lead >= 0xe0 && lead <= 0xef ? 3
                         : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                        : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((at(i) & 0xc0) != 0x80) return 0;
    // Overlong forms, surrogates and code points beyond U+10FFFF (RFC 3629, section 4).
    if ((lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) > 0x9f) || (lead == 0xf0 && at(1) < 0x90) ||
        (lead == 0xf4 && at(1) > 0x8f))
        return 0;
    return length;
}

std::string escape_path(std::string_view path) {
    std::string out;
    out.reserve(path.size());
    while (!path.empty()) {
        // Plain ASCII goes in one piece: that is all of nearly every path.
        std::size_t plain = 0;
        while (plain < path.size() && is_plain(path[plain]) && (path[plain] & 0x80) == 0) ++plain;
        out += path.substr(0, plain);
        path.remove_prefix(plain);
        if (path.empty()) break;
        std::size_t length = utf8_sequence_length(path);
        if ((length > 1 && !is_c1_control(path)) || (length == 1 && is_plain(path[0]))) {
            out.append(path.substr(0, length));
        } else {
            length = 1;
            auto byte = static_cast<std::uint8_t>(path[0]);
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
        path.remove_prefix(length);
    }
    return out;
}

std::string quotable(std::string_view text, std::size_t bytes_max) {
    std::string out;
    while (!text.empty() && out.size() < bytes_max) {
        std::size_t length = utf8_sequence_length(text);
        bool shown =
            (length > 1 && !is_c1_control(text)) || (length == 1 && text[0] > ' ' && text[0] != '\x7f');
        if (shown)
            out += text.substr(0, length);
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    while (out.ends_with(' ')) out.pop_back();
    return text.empty() ? out : out + "…";
}

std::optional<std::string> unescape_path(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        if (i + 3 >= text.size() || text[i + 1] != 'x') return std::nullopt;
        int high = hex_value(text[i + 2]);
        int low = hex_value(text[i + 3]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 3;
    }
    return out;
}

std::string_view take_line(std::string_view& text) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string join_path(std::string_view dir, std::string_view name) {
    std::string out;
    out.reserve(dir.size() + 1 + name.size());
    out += dir;
    if (!dir.empty()) out += '/';
    out += name;
    return out;
}

std::string_view parent_path(std::string_view path) {
    std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view base_name(std::string_view path) {
    std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_below(std::string_view path, std::string_view dir) {
    if (dir.empty()) return true;
    return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

std::string to_hex(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (char c : bytes) {
        auto byte = static_cast<std::uint8_t>(c);
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
    return out;
}

std::optional<std::string> from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        int high = hex_value(hex[i]);
        int low = hex_value(hex[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
    }
    return out;
}

}  // namespace icecore
