#include "sim/s3/restore_times.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/hash.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::int64_t kHourSec = 3600;
constexpr std::int64_t kDaySec = 24 * kHourSec;

struct Span {
    StorageClass of;
    std::string_view tier;
    std::int64_t min_sec;
    std::int64_t max_sec;
};

/// The documents give "typically within" for DEEP_ARCHIVE: that is the end, the beginning is a guess.
constexpr std::array kSpans = {
    Span{StorageClass::glacier, "Expedited", 60, 300},
    Span{StorageClass::glacier, "Standard", 3 * kHourSec, 5 * kHourSec},
    Span{StorageClass::glacier, "Bulk", 5 * kHourSec, 12 * kHourSec},
    Span{StorageClass::deep_archive, "Standard", 9 * kHourSec, 12 * kHourSec},
    Span{StorageClass::deep_archive, "Bulk", 24 * kHourSec, 48 * kHourSec},
};

int speed(std::string_view tier) {
    return tier == "Expedited" ? 2 : tier == "Standard" ? 1 : 0;
}

}  // namespace

std::int64_t restore_duration_sec(StorageClass of, std::string_view tier, std::string_view id) {
    auto span = std::find_if(kSpans.begin(), kSpans.end(),
                             [&](const Span& s) { return s.of == of && s.tier == tier; });
    CHECK(span != kSpans.end());
    return span->min_sec + (span->max_sec - span->min_sec) * sha256(id).bytes[0] / 255;
}

bool is_faster(std::string_view tier, std::string_view other) {
    return speed(tier) > speed(other);
}

Timestamp next_midnight(Timestamp t) {
    std::int64_t days = t.sec / kDaySec - (t.sec % kDaySec < 0 ? 1 : 0);
    bool exact = t.sec == days * kDaySec && t.nsec == 0;
    return {(days + (exact ? 0 : 1)) * kDaySec, 0};
}

Timestamp restore_expiry(Timestamp from, std::uint64_t days) {
    return next_midnight({from.sec + static_cast<std::int64_t>(days) * kDaySec, from.nsec});
}

}  // namespace icecore::sim::s3
