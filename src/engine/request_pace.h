#pragma once

#include <cstdint>
#include <mutex>

#include "engine/environment.h"

namespace icecore::engine {

/// Keeps requests below a number a second, as services want it: a tenth of a second's may go out at once,
/// then one after the other. Any thread; `env` must outlive it.
class RequestPace {
  public:
    RequestPace(const Environment& env, unsigned per_second);
    /// Returns when the next request may go out.
    void wait();

  private:
    const Environment& env_;
    std::int64_t interval_ns_;
    std::mutex mutex_;
    std::int64_t next_ns_;  ///< guarded by mutex_: when the next one is due
};

}  // namespace icecore::engine
