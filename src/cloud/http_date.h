#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace icecore::cloud {

/// "Fri, 24 May 2013 00:00:00 GMT" (RFC 9110, IMF-fixdate); nullopt for anything else.
std::optional<Timestamp> parse_http_date(std::string_view text);
std::string format_http_date(Timestamp time);

}  // namespace icecore::cloud
