#include "base/backoff.h"

#include <algorithm>

#include "base/error.h"

namespace icecore {

std::int64_t backoff_ns(const Backoff& backoff, unsigned attempt, double random) {
    CHECK(attempt > 0 && random >= 0 && random < 1 && backoff.first_delay_ms >= 0);
    std::int64_t max_ms = backoff.delay_ms_max;
    std::int64_t delay_ms = std::min(backoff.first_delay_ms, max_ms);
    for (unsigned i = 1; i < attempt && delay_ms < max_ms && delay_ms > 0; ++i)
        delay_ms = delay_ms > max_ms / 2 ? max_ms : 2 * delay_ms;
    return static_cast<std::int64_t>(random * static_cast<double>(delay_ms) * 1e6);
}

}  // namespace icecore
