#include "sim/clock.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/json_document.h"
#include "base/json_values.h"
#include "sim/files.h"

namespace icecore::sim {
namespace {

constexpr Timestamp kEnd{253'402'300'799, 0};  // 9999-12-31T23:59:59Z

/// `t` later by `seconds`, at most kEnd.
Timestamp later(Timestamp t, double seconds) {
    if (seconds >= static_cast<double>(kEnd.sec - t.sec)) return kEnd;
    double whole = std::floor(seconds);
    return add_ns({t.sec + static_cast<std::int64_t>(whole), t.nsec},
                  static_cast<std::int64_t>((seconds - whole) * 1e9));
}

Timestamp moment(const std::string& key, const Json& value) {
    std::optional<Timestamp> out = parse_utc(text(key, value));
    if (!out) throw Error(Error::Kind::invalid, format("\"{}\" must be like 2026-11-22T00:00:00Z", key));
    return *out;
}

void check_forward(Timestamp from, Timestamp to) {
    if (to < from)
        throw Error(Error::Kind::invalid,
                    format("time goes forward only, and it is {}", format_iso_utc(from)));
    if (to > kEnd) throw Error(Error::Kind::invalid, "time ends with the year 9999");
}

Timestamp moved(Timestamp from, std::uint64_t seconds) {
    if (seconds > static_cast<std::uint64_t>(kEnd.sec - from.sec))
        throw Error(Error::Kind::invalid, "time ends with the year 9999");
    return {from.sec + static_cast<std::int64_t>(seconds), from.nsec};
}

VirtualClock::State scaled(VirtualClock::State state, double scale) {
    state.frozen = scale == 0;
    if (scale > 0) state.scale = scale;
    return state;
}

}  // namespace

VirtualClock::VirtualClock(const Clock& real, std::string path)
    : real_(real), path_(std::move(path)), base_{real.now()}, base_monotonic_ns_(real.monotonic_ns()) {
    std::optional<std::string> saved = read_if_there(path_);
    if (!saved) return;
    try {
        Json json = parse_json(*saved);
        Timestamp begin = moment("virtual", json.at("virtual"));
        Timestamp begin_real = moment("real", json.at("real"));
        base_.scale = number("scale", json.at("scale"), 0, kScaleMax);
        base_.frozen = truth("frozen", json.at("frozen"));
        double passed = base_.frozen ? 0 : std::max(0.0, seconds_between(begin_real, real.now()));
        base_.now = later(begin, passed * base_.scale);
    } catch (const Json::exception&) {
        throw Error(Error::Kind::corrupt, path_ + " is not the state of a clock");
    } catch (Error& error) {
        throw Error(Error::Kind::corrupt, path_ + " is not the state of a clock: " + error.message());
    }
}

VirtualClock::State VirtualClock::state_locked() const {
    State out = base_;
    auto passed_ns =
        static_cast<double>(std::max<std::int64_t>(0, real_.monotonic_ns() - base_monotonic_ns_));
    if (!out.frozen) out.now = later(out.now, passed_ns / 1e9 * out.scale);
    return out;
}

Timestamp VirtualClock::now() const {
    return state().now;
}

VirtualClock::State VirtualClock::state() const {
    std::lock_guard lock(mutex_);
    return state_locked();
}

void VirtualClock::change_locked(const State& to) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().key("virtual").time(to.now).key("real").time(real_.now());
    json.field("scale", to.scale).field("frozen", to.frozen).end_object();
    std::int64_t now_ns = real_.monotonic_ns();
    write_whole(path_, text);
    base_ = to;
    base_monotonic_ns_ = now_ns;
}

void VirtualClock::set_scale(double scale) {
    if (!(scale >= 0 && scale <= kScaleMax))
        throw Error(Error::Kind::invalid, format("a time scale is a number from 0 to {}", kScaleMax));
    std::lock_guard lock(mutex_);
    change_locked(scaled(state_locked(), scale));
}

void VirtualClock::set_frozen(bool frozen) {
    std::lock_guard lock(mutex_);
    State to = state_locked();
    to.frozen = frozen;
    change_locked(to);
}

void VirtualClock::advance(std::uint64_t seconds) {
    std::lock_guard lock(mutex_);
    State to = state_locked();
    to.now = moved(to.now, seconds);
    change_locked(to);
}

void VirtualClock::set(Timestamp to_moment) {
    std::lock_guard lock(mutex_);
    State to = state_locked();
    check_forward(to.now, to_moment);
    to.now = to_moment;
    change_locked(to);
}

void VirtualClock::order(std::string_view json_text) {
    Json json = parse_json(json_text);
    if (!json.is_object() || json.empty())
        throw Error(Error::Kind::invalid, "an order to the clock is a JSON object that is not empty");
    for (const auto& [key, value] : json.items())
        if (key != "scale" && key != "frozen" && key != "set" && key != "advance_seconds")
            throw Error(Error::Kind::invalid, format("a clock has no \"{}\"", key),
                        "known are scale, frozen, set and advance_seconds");
    std::lock_guard lock(mutex_);
    State to = state_locked();
    if (json.contains("scale")) to = scaled(to, number("scale", json["scale"], 0, kScaleMax));
    if (json.contains("frozen")) to.frozen = truth("frozen", json["frozen"]);
    if (json.contains("set")) {
        Timestamp at = moment("set", json["set"]);
        check_forward(to.now, at);
        to.now = at;
    }
    if (json.contains("advance_seconds"))
        to.now = moved(to.now, whole_number("advance_seconds", json["advance_seconds"]));
    change_locked(to);
}

std::string VirtualClock::json() const {
    State now = state();
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("now").time(now.now).field("scale", now.scale).field("frozen", now.frozen);
    json.end_object();
    return out;
}

}  // namespace icecore::sim
