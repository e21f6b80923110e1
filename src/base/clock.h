#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace icecore {

/// A moment: seconds since 1970-01-01T00:00:00Z (may be negative) and nanoseconds 0 … 999,999,999 after them.
struct Timestamp {
    std::int64_t sec = 0;
    std::uint32_t nsec = 0;
    auto operator<=>(const Timestamp&) const = default;
};

/// `t` + `ns` nanoseconds (either sign).
Timestamp add_ns(Timestamp t, std::int64_t ns);

/// From `a` to `b`, in seconds; negative if `b` is before `a`.
double seconds_between(Timestamp a, Timestamp b);

/// The wall and monotonic clocks, passed in so that tests own time. Thread-safe.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Timestamp now() const = 0;
    /// Nanoseconds of a monotonic clock with no fixed zero.
    virtual std::int64_t monotonic_ns() const = 0;
};

/// CLOCK_REALTIME and CLOCK_MONOTONIC.
class SystemClock final : public Clock {
  public:
    Timestamp now() const override;
    std::int64_t monotonic_ns() const override;
};

// A moment that is in no year of a `tm` becomes "@SECONDS" in all three.

/// "20261122T031500Z" (UTC; the form in archive names).
std::string format_compact_utc(Timestamp t);
/// "2026-11-22T03:15:00.123456789Z"; the fraction is left out when it is 0.
std::string format_iso_utc(Timestamp t);
/// "2026-11-22 04:15:00" in the local time zone (for people).
std::string format_local(Timestamp t);
/// The day of `t` in the local time zone, in days since 1970-01-01, and its date: "2026-11-22".
std::int64_t local_day(Timestamp t);
std::string format_day(std::int64_t day);
/// Reads what format_iso_utc and format_compact_utc write; nullopt if `text` is neither.
std::optional<Timestamp> parse_utc(std::string_view text);
/// Reads "YYYY-MM-DD", "YYYY-MM-DD HH:MM[:SS]" (or with 'T') in the local time zone, and the UTC forms with
/// 'Z'. A date alone means the end of that day. nullopt if it is none of these.
std::optional<Timestamp> parse_local(std::string_view text);

}  // namespace icecore
