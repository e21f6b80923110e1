#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "store/target.h"

namespace icecore::store {

/// Limits of bytes a second; 0: none.
struct ThrottleOptions {
    std::uint64_t upload_bytes_per_second = 0;
    std::uint64_t download_bytes_per_second = 0;
    /// Waits that many nanoseconds.
    std::function<void(std::int64_t)> sleep_ns;
};

/// A target that reads the sources of its puts, and passes on what it reads, no faster than this (a token
/// bucket of one second). `clock` must outlive it.
std::unique_ptr<Target> make_throttled_target(std::unique_ptr<Target> inner, const Clock& clock,
                                              ThrottleOptions options);

}  // namespace icecore::store
