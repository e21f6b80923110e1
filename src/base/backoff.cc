#include "base/backoff.h"

#include <algorithm>

#include "base/error.h"

namespace icecore {

std::int64_t Backoff::wait_ns(unsigned attempt, double random) const {
    CHECK(random >= 0 && random < 1);
    std::int64_t delay_ms = std::min(first_delay_ms, delay_ms_max);
    for (unsigned i = 1; i < attempt && delay_ms < delay_ms_max; ++i)
        delay_ms = delay_ms > delay_ms_max / 2 ? delay_ms_max : 2 * delay_ms;
    return static_cast<std::int64_t>(random * static_cast<double>(delay_ms) * 1e6);
}

}  // namespace icecore
