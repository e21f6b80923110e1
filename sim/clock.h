#pragma once

#include <mutex>
#include <string>

#include "base/clock.h"

namespace icecore::sim {

/// The time in which jobs, inventories and bills live: real time multiplied, or frozen and moved on order. It
/// never goes backward and survives restarts (a frozen one as it was; a running one goes on meanwhile).
/// Thread-safe.
class VirtualClock {
  public:
    struct State {
        Timestamp now;
        double scale = 1;  ///< virtual seconds a real second; 0: frozen
    };

    /// Keeps its state in the file `path`; begins at real time where there is none. `real` must
    /// outlive it.
    VirtualClock(const Clock& real, std::string path);

    Timestamp now() const;
    State state() const;
    void set_scale(double scale);
    /// Throws Error{invalid} for a move backward.
    void advance(std::int64_t seconds);
    void set(Timestamp to);

  private:
    Timestamp now_locked() const;
    void save_locked(Timestamp at, double scale);

    const Clock& real_;
    std::string path_;
    mutable std::mutex mutex_;  // guards what follows
    Timestamp base_;            // virtual time at base_real_
    Timestamp base_real_;
    double scale_ = 1;
};

}  // namespace icecore::sim
