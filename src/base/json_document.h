#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace icecore {

/// A parsed JSON text (RFC 8259), whole in memory: manifest lines, replies of services.
using Json = nlohmann::json;

/// Throws Error{corrupt} for what is not JSON or has more after it. A parsed value takes far more memory than
/// its text, so texts over 1 MiB may hold at most `values_max` values, nested 16 deep.
Json parse_json(std::string_view text, std::size_t values_max = 1 << 20);

}  // namespace icecore
