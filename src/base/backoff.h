#pragma once

#include <cstdint>

namespace icecore {

/// How patiently something is tried again: full delays begin at `first_delay_ms`, double from try to try and
/// end at `delay_ms_max`.
struct Backoff {
    std::int64_t first_delay_ms = 500;
    std::int64_t delay_ms_max = 60'000;
};

/// The wait after the failed try `attempt` (1, 2, …), in nanoseconds: the part `random` in [0, 1) of the full
/// delay ("full jitter", which keeps many clients from coming back at the same moment).
std::int64_t backoff_ns(const Backoff& backoff, unsigned attempt, double random);

}  // namespace icecore
