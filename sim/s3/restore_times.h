#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "sim/s3/storage_class.h"

namespace icecore::sim::s3 {

/// How long a restore takes: within the times that the service states for a tier that the class has, and
/// always the same for one `id`.
std::int64_t restore_duration_sec(StorageClass of, std::string_view tier, std::string_view id);

/// Whether `tier` is faster than `other`. Both are tiers.
bool is_faster(std::string_view tier, std::string_view other);

/// When the copy of an object expires that can be read from `from` on: so many days later, at the next
/// 00:00 UTC.
Timestamp restore_expiry(Timestamp from, std::uint64_t days);

/// The first 00:00 UTC that is not before `t`.
Timestamp next_midnight(Timestamp t);

}  // namespace icecore::sim::s3
