#include "sim/clock.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/json_document.h"
#include "sim/files.h"

namespace icecore::sim {
namespace {

constexpr double kScaleMax = 1e7;

double seconds_between(Timestamp from, Timestamp to) {
    return static_cast<double>(to.sec - from.sec) +
           (static_cast<double>(to.nsec) - static_cast<double>(from.nsec)) / 1e9;
}

}  // namespace

VirtualClock::VirtualClock(const Clock& real, std::string path)
    : real_(real), path_(std::move(path)), base_(real.now()), base_real_(base_) {
    std::optional<std::string> text = read_if_there(path_);
    if (!text) return;
    Json json = parse_json(*text);
    std::optional<Timestamp> base = parse_utc(json.at("virtual").get<std::string>());
    std::optional<Timestamp> base_real = parse_utc(json.at("real").get<std::string>());
    if (!base || !base_real) throw Error(Error::Kind::corrupt, path_ + " does not hold a time");
    base_ = *base;
    base_real_ = *base_real;
    scale_ = json.at("scale").get<double>();
}

Timestamp VirtualClock::now_locked() const {
    double passed = std::max(0.0, seconds_between(base_real_, real_.now())) * scale_;
    return add_ns(add_ns({base_.sec + static_cast<std::int64_t>(passed), base_.nsec}, 0),
                  static_cast<std::int64_t>((passed - std::floor(passed)) * 1e9));
}

Timestamp VirtualClock::now() const {
    std::lock_guard lock(mutex_);
    return now_locked();
}

VirtualClock::State VirtualClock::state() const {
    std::lock_guard lock(mutex_);
    return {now_locked(), scale_};
}

void VirtualClock::save_locked(Timestamp at, double scale) {
    Timestamp real = real_.now();
    std::string text;
    JsonWriter json(text);
    json.begin_object().key("virtual").time(at).key("real").time(real).field("scale", scale).end_object();
    write_whole(path_, text);
    base_ = at;
    base_real_ = real;
    scale_ = scale;
}

void VirtualClock::set_scale(double scale) {
    if (!(scale >= 0 && scale <= kScaleMax))
        throw Error(Error::Kind::invalid, format("a time scale is a number from 0 to {}", kScaleMax));
    std::lock_guard lock(mutex_);
    save_locked(now_locked(), scale);
}

void VirtualClock::advance(std::int64_t seconds) {
    if (seconds < 0) throw Error(Error::Kind::invalid, "time goes forward only");
    std::lock_guard lock(mutex_);
    Timestamp at = now_locked();
    at.sec += seconds;
    save_locked(at, scale_);
}

void VirtualClock::set(Timestamp to) {
    std::lock_guard lock(mutex_);
    if (to < now_locked()) throw Error(Error::Kind::invalid, "time goes forward only");
    save_locked(to, scale_);
}

}  // namespace icecore::sim
