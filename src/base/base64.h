#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace icecore {

/// Base64 with padding, on one line (RFC 4648, section 4).
std::string to_base64(std::string_view bytes);
/// Undoes to_base64; nullopt for anything that it does not write.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace icecore
