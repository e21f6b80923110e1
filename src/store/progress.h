#pragma once

#include <cstdint>
#include <functional>

namespace icecore::store {

/// Tells how many bytes went out when a thing may be done again from the start: only what goes beyond what
/// was told before is passed on, so that the sum is right in the end. `sent` must outlive it.
class Progress {
  public:
    explicit Progress(const std::function<void(std::uint64_t)>& sent) : sent_(sent) {}
    void start_again() { done_bytes_ = 0; }
    void add(std::uint64_t bytes) {
        done_bytes_ += bytes;
        if (done_bytes_ <= told_bytes_) return;
        std::uint64_t more = done_bytes_ - told_bytes_;
        told_bytes_ = done_bytes_;
        sent_(more);
    }

  private:
    const std::function<void(std::uint64_t)>& sent_;
    std::uint64_t done_bytes_ = 0;
    std::uint64_t told_bytes_ = 0;
};

}  // namespace icecore::store
