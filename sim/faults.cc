#include "sim/faults.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/json_values.h"

namespace icecore::sim {
namespace {

using Kind = Fault::Kind;

/// A kind, and the keys that it has besides those of all.
struct KindForm {
    Kind kind;
    std::string_view name;
    std::array<std::string_view, 3> keys = {};
};
constexpr std::array<KindForm, 18> kKinds = {{{Kind::error, "error", {"status", "code", "message"}},
                                              {Kind::drop_before, "drop-before"},
                                              {Kind::drop_after, "drop-after"},
                                              {Kind::stall, "stall", {"milliseconds"}},
                                              {Kind::trickle, "trickle", {"bytes_per_second"}},
                                              {Kind::corrupt, "corrupt", {"offset"}},
                                              {Kind::wrong_tree_hash, "wrong-tree-hash"},
                                              {Kind::truncate, "truncate"},
                                              {Kind::endless, "endless"},
                                              {Kind::malformed_json, "malformed-json"},
                                              {Kind::html, "html", {"status"}},
                                              {Kind::fail_job, "fail-job"},
                                              {Kind::forget_upload, "forget-upload"},
                                              {Kind::error_body, "error-body", {"code", "message"}},
                                              {Kind::wrong_checksum, "wrong-checksum"},
                                              {Kind::no_encryption, "no-encryption"},
                                              {Kind::malformed_xml, "malformed-xml"},
                                              {Kind::hostile_xml, "hostile-xml"}}};
constexpr std::array<std::string_view, 7> kKeysOfAll = {"operation", "path",        "kind", "skip",
                                                        "count",     "probability", "seed"};
constexpr std::uint64_t kMillisecondsMax = 24ULL * 3600 * 1000;
constexpr int kProxyStatus = 502;

[[noreturn]] void invalid(std::string message) {
    throw Error(Error::Kind::invalid, std::move(message), "doc/simulator.md has the form");
}

const KindForm& form_of(const std::string& name) {
    auto found =
        std::find_if(kKinds.begin(), kKinds.end(), [&](const KindForm& k) { return k.name == name; });
    if (found == kKinds.end()) invalid(format("there is no fault \"{}\"", name));
    return *found;
}

const KindForm& form_of(Kind kind) {
    return *std::find_if(kKinds.begin(), kKinds.end(), [&](const KindForm& k) { return k.kind == kind; });
}

template <typename List>
bool holds(const List& list, std::string_view key) {
    return std::find(list.begin(), list.end(), key) != list.end();
}

void take_match(Fault& fault, const std::string& key, const Json& value) {
    if (key == "operation")
        fault.operation = text(key, value);
    else if (key == "path")
        fault.path = text(key, value);
    else if (key == "skip")
        fault.skip = whole_number(key, value);
    else if (key == "count" && value == "always")
        fault.count = std::nullopt;
    else if (key == "count")
        fault.count = whole_number(key, value);
    else if (key == "probability")
        fault.probability = number(key, value, 0, 1);
    else if (key == "seed")
        fault.seed = whole_number(key, value);
}

void take_effect(Fault& fault, const std::string& key, const Json& value) {
    if (key == "status")
        fault.status = static_cast<int>(whole_number(key, value, 599));
    else if (key == "code")
        fault.code = text(key, value);
    else if (key == "message")
        fault.message = text(key, value);
    else if (key == "milliseconds")
        fault.milliseconds = static_cast<std::int64_t>(whole_number(key, value, kMillisecondsMax));
    else if (key == "bytes_per_second")
        fault.bytes_per_second = whole_number(key, value);
    else if (key == "offset")
        fault.offset = whole_number(key, value);
}

Fault parse_fault(const Json& json) {
    if (!json.is_object()) invalid("a fault is a JSON object");
    if (!json.contains("kind")) invalid("a fault needs its \"kind\"");
    const KindForm& form = form_of(text("kind", json["kind"]));
    Fault fault{.kind = form.kind};
    if (form.kind == Kind::html) fault.status = kProxyStatus;
    for (const auto& [key, value] : json.items()) {
        if (key.empty() || !(holds(kKeysOfAll, key) || holds(form.keys, key)))
            invalid(format("the fault \"{}\" has no \"{}\"", form.name, key));
        take_match(fault, key, value);
        take_effect(fault, key, value);
    }
    if (fault.status < 200) invalid("\"status\" must be from 200 to 599");
    if (fault.bytes_per_second == 0) invalid("\"bytes_per_second\" must be at least 1");
    if (fault.operation.empty() || fault.count == std::uint64_t{0}) invalid("this fault would never hit");
    return fault;
}

Json effect_value(const Fault& fault, std::string_view key) {
    if (key == "status") return fault.status;
    if (key == "code") return fault.code;
    if (key == "message") return fault.message;
    if (key == "milliseconds") return fault.milliseconds;
    if (key == "bytes_per_second") return fault.bytes_per_second;
    CHECK(key == "offset");
    return fault.offset;
}

Json to_json(const Fault& fault, std::uint64_t hits) {
    const KindForm& form = form_of(fault.kind);
    Json out = {
        {"operation", fault.operation},     {"path", fault.path}, {"kind", form.name}, {"skip", fault.skip},
        {"probability", fault.probability}, {"seed", fault.seed}, {"hits", hits}};
    out["count"] = fault.count ? Json(*fault.count) : Json("always");
    for (std::string_view key : form.keys)
        if (!key.empty()) out[std::string(key)] = effect_value(fault, key);
    return out;
}

/// From 0 to below 1, the same for a seed wherever it is compiled.
double chance(std::mt19937_64& random) {
    return static_cast<double>(random() >> 11) / 9007199254740992.0;  // 2^53
}

}  // namespace

void Faults::add(std::string_view json_text) {
    Json json = parse_json(json_text);
    if (!json.is_array()) json = Json::array({json});
    std::vector<Order> more;
    for (const Json& item : json) {
        Fault fault = parse_fault(item);
        std::mt19937_64 random(fault.seed);
        more.push_back({std::move(fault), random});
    }
    std::lock_guard lock(mutex_);
    if (orders_.size() + more.size() > kFaultsMax)
        invalid(format("more than {} faults on order", kFaultsMax));
    orders_.insert(orders_.end(), more.begin(), more.end());
}

void Faults::clear() {
    std::lock_guard lock(mutex_);
    orders_.clear();
}

std::string Faults::json() const {
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    for (const Order& order : orders_) list.push_back(to_json(order.fault, order.hits));
    return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool Faults::hits(Order& order, std::string_view operation, std::string_view path) {
    Fault& fault = order.fault;
    if (fault.operation != "*" && fault.operation != operation) return false;
    if (path.find(fault.path) == std::string_view::npos) return false;
    if (fault.skip > 0) {
        --fault.skip;
        return false;
    }
    if (fault.count == std::uint64_t{0} || chance(order.random) >= fault.probability) return false;
    if (fault.count) --*fault.count;
    ++order.hits;
    return true;
}

std::optional<Fault> Faults::take(std::string_view operation, std::string_view path) {
    std::lock_guard lock(mutex_);
    for (Order& order : orders_)
        if (hits(order, operation, path)) return order.fault;
    return std::nullopt;
}

}  // namespace icecore::sim
