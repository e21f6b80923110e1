#pragma once

#include <cstdint>

namespace icecore {

/// How long to wait before something that failed is tried again: "full jitter", a random part of a delay that
/// doubles from try to try.
struct Backoff {
    std::int64_t first_delay_ms = 500;
    std::int64_t delay_ms_max = 60'000;

    /// Nanoseconds to wait after try number `attempt` (1, 2, …) has failed; `random` in [0, 1).
    std::int64_t wait_ns(unsigned attempt, double random) const;
};

}  // namespace icecore
