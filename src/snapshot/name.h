#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace icecore::snapshot {

/// The name of one run's snapshot, "icecore-SET-20261129T031500Z-1a2b3c4d": of letters, digits, '.' and '-'
/// only, at most 70 bytes, so that it fits all kinds. `random` is in [0, 1).
std::string make_name(std::string_view set, Timestamp now, double random);

/// Whether `name` looks like that, after `prefix`.
bool is_name(std::string_view name, std::string_view prefix = {});

/// Before the name of a snapshot that stands as a directory in the file system itself (btrfs).
constexpr std::string_view kHiddenPrefix = ".";

}  // namespace icecore::snapshot
