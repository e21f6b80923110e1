#include "base/base64.h"

#include <cstdint>

namespace icecore {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::string_view group = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i)
            out += i <= group.size() ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string out;
    std::string_view digits = text.substr(0, text.find_last_not_of('=') + 1);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (char c : digits) {
        std::size_t value = kDigits.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>(bits >> count & 255);
    }
    if (to_base64(out) != text) return std::nullopt;  // padding, bits left over
    return out;
}

}  // namespace icecore
