#include "sim/glacier/job_times.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/hash.h"

namespace icecore::sim::glacier {
namespace {

struct Span {
    std::string_view tier;
    std::int64_t min_sec;
    std::int64_t max_sec;
};

constexpr std::array kSpans = {
    Span{"Expedited", 60, 300},
    Span{"Standard", 3 * 3600, 5 * 3600},
    Span{"Bulk", 5 * 3600, 12 * 3600},
    Span{"Inventory", 3 * 3600, 5 * 3600},
};

}  // namespace

std::int64_t job_duration_sec(std::string_view tier, std::string_view id) {
    auto span = std::find_if(kSpans.begin(), kSpans.end(), [&](const Span& s) { return s.tier == tier; });
    CHECK(span != kSpans.end());
    return span->min_sec + (span->max_sec - span->min_sec) * sha256(id).bytes[0] / 255;
}

bool is_tier(std::string_view tier) {
    return tier == "Expedited" || tier == "Standard" || tier == "Bulk";
}

}  // namespace icecore::sim::glacier
