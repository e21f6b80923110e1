#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace icecore::sim {

/// The time in which archives age, jobs finish, inventories lag and bills grow: real time multiplied by a
/// scale, or frozen and moved on order. (Signatures are checked against real time.)
///
/// It never goes backward and ends with the year 9999. It survives restarts: a frozen clock stands where it
/// stood, a running one went on meanwhile; only where the machine's clock was set back between two runs can
/// it begin earlier than it ended. Orders are on disk before they return, safe against kill -9. Thread-safe.
class VirtualClock {
  public:
    static constexpr double kScaleMax = 1e7;

    struct State {
        Timestamp now;
        double scale = 1;     ///< virtual seconds a real second, while not frozen
        bool frozen = false;  ///< moves on order only
    };

    /// Keeps its state in the file `path`; begins at real time where there is none. `real` must outlive it.
    /// Throws Error{corrupt} for a file that it did not write.
    VirtualClock(const Clock& real, std::string path);

    Timestamp now() const;
    State state() const;

    /// Runs on at this speed; 0 freezes it. Throws Error{invalid} for what is not from 0 to kScaleMax.
    void set_scale(double scale);
    /// False: runs on at the last scale.
    void set_frozen(bool frozen);
    /// Throws Error{invalid} if it would end up after the year 9999.
    void advance(std::uint64_t seconds);
    /// Throws Error{invalid} for a moment in its past.
    void set(Timestamp to);

    /// Carries out {"advance_seconds":N}, {"set":"2026-11-22T00:00:00Z"}, {"scale":N} or {"frozen":B}, one of
    /// them or several (in this order: scale, frozen, set, advance_seconds). Throws Error{invalid, corrupt}
    /// for anything else, and does nothing then.
    void order(std::string_view json_text);
    /// {"now":"2026-11-22T00:00:00Z","scale":1,"frozen":false}
    std::string json() const;

  private:
    State state_locked() const;
    void change_locked(const State& to);

    const Clock& real_;
    std::string path_;
    mutable std::mutex mutex_;  // guards what follows
    State base_;                // as it was at base_monotonic_ns_
    std::int64_t base_monotonic_ns_;
};

}  // namespace icecore::sim
