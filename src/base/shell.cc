#include "base/shell.h"

namespace icecore {

std::string shell_quoted(std::string_view text) {
    constexpr std::string_view kBare =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";
    if (!text.empty() && text.find_first_not_of(kBare) == std::string_view::npos) return std::string(text);
    std::string out = "'";
    for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

}  // namespace icecore
