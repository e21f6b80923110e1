#pragma once

// The one place that includes fmt: everything else formats through icecore::format.
#include <fmt/format.h>

namespace icecore {

using fmt::format;
using fmt::format_to;

}  // namespace icecore
