#include "engine/request_pace.h"

#include <algorithm>

#include "base/error.h"

namespace icecore::engine {
namespace {

constexpr std::int64_t kBurstNs = 100'000'000;

}  // namespace

RequestPace::RequestPace(const Environment& env, unsigned per_second)
    : env_(env),
      interval_ns_(1'000'000'000 / std::max(1U, per_second)),
      next_ns_(env.clock.monotonic_ns() - kBurstNs) {
    CHECK(per_second > 0);
}

void RequestPace::wait() {
    std::int64_t now_ns = env_.clock.monotonic_ns();
    std::int64_t due_ns = 0;
    {
        std::lock_guard lock(mutex_);
        due_ns = std::max(next_ns_, now_ns - kBurstNs);
        next_ns_ = due_ns + interval_ns_;
    }
    if (due_ns > now_ns) env_.sleep_ns(due_ns - now_ns);
}

}  // namespace icecore::engine
