#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/backoff.h"
#include "store/target.h"

namespace icecore::store {

/// How often and how patiently to try again.
struct RetryOptions {
    unsigned attempts_max = 8;
    Backoff backoff = {};
    /// Waits that many nanoseconds.
    std::function<void(std::int64_t)> sleep_ns;
    /// A number in [0, 1).
    std::function<double()> random;
    /// Told before each wait: what failed, and the number of the try.
    std::function<void(std::string_view message, unsigned attempt)> on_retry;
};

/// A target that does again what failed with Error{transient}, and nothing else. A put carries on through its
/// ResumeState; a read asks for the bytes that `sink` has not had; listing collects first, so that `visit` is
/// called once an object.
std::unique_ptr<Target> make_retrying_target(std::unique_ptr<Target> inner, RetryOptions options);

}  // namespace icecore::store
