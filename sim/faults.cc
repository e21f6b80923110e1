#include "sim/faults.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"

namespace icecore::sim {
namespace {

using Kind = Fault::Kind;

struct KindName {
    Kind kind;
    std::string_view name;
};
constexpr std::array<KindName, 13> kKinds = {{{Kind::error, "error"},
                                              {Kind::drop_before, "drop-before"},
                                              {Kind::drop_after, "drop-after"},
                                              {Kind::stall, "stall"},
                                              {Kind::trickle, "trickle"},
                                              {Kind::corrupt, "corrupt"},
                                              {Kind::wrong_tree_hash, "wrong-tree-hash"},
                                              {Kind::truncate, "truncate"},
                                              {Kind::endless, "endless"},
                                              {Kind::malformed_json, "malformed-json"},
                                              {Kind::html, "html"},
                                              {Kind::fail_job, "fail-job"},
                                              {Kind::forget_upload, "forget-upload"}}};

[[noreturn]] void invalid(std::string message) {
    throw Error(Error::Kind::invalid, std::move(message), "doc/simulator.md has the form");
}

Kind parse_kind(const std::string& name) {
    auto found =
        std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName& k) { return k.name == name; });
    if (found == kKinds.end()) invalid(format("there is no fault \"{}\"", name));
    return found->kind;
}

std::string_view name_of(Kind kind) {
    return std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName& k) { return k.kind == kind; })
        ->name;
}

Fault parse_fault(const Json& json, std::optional<std::uint64_t>& seed) {
    if (!json.is_object()) invalid("a fault is a JSON object");
    Fault fault;
    for (const auto& [key, value] : json.items()) {
        if (key == "operation")
            fault.operation = value.get<std::string>();
        else if (key == "path")
            fault.path = value.get<std::string>();
        else if (key == "kind")
            fault.kind = parse_kind(value.get<std::string>());
        else if (key == "status")
            fault.status = value.get<int>();
        else if (key == "code")
            fault.code = value.get<std::string>();
        else if (key == "message")
            fault.message = value.get<std::string>();
        else if (key == "skip")
            fault.skip = value.get<std::uint64_t>();
        else if (key == "count")
            fault.count = value.get<std::uint64_t>();
        else if (key == "probability")
            fault.probability = value.get<double>();
        else if (key == "seed")
            seed = value.get<std::uint64_t>();
        else if (key == "milliseconds")
            fault.milliseconds = value.get<std::int64_t>();
        else if (key == "bytes_per_second")
            fault.bytes_per_second = value.get<std::uint64_t>();
        else if (key == "offset")
            fault.offset = value.get<std::uint64_t>();
        else
            invalid(format("a fault has no \"{}\"", key));
    }
    if (!json.contains("kind")) invalid("a fault needs its \"kind\"");
    if (fault.status < 200 || fault.status > 599) invalid("\"status\" is from 200 to 599");
    if (fault.probability < 0 || fault.probability > 1) invalid("\"probability\" is from 0 to 1");
    if (fault.bytes_per_second == 0 || fault.milliseconds < 0) invalid("a fault cannot take forever");
    return fault;
}

}  // namespace

void Faults::add(std::string_view json_text) {
    std::vector<Fault> more;
    std::optional<std::uint64_t> seed;
    try {
        Json json = parse_json(json_text);
        if (!json.is_array()) json = Json::array({json});
        for (const Json& item : json) more.push_back(parse_fault(item, seed));
    } catch (const Json::exception&) {
        invalid("a value of a fault has the wrong type");
    }
    std::lock_guard lock(mutex_);
    if (seed) random_.seed(*seed);
    faults_.insert(faults_.end(), more.begin(), more.end());
}

void Faults::clear() {
    std::lock_guard lock(mutex_);
    faults_.clear();
}

std::string Faults::json() const {
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    for (const Fault& fault : faults_)
        list.push_back({{"operation", fault.operation},
                        {"path", fault.path},
                        {"kind", name_of(fault.kind)},
                        {"status", fault.status},
                        {"code", fault.code},
                        {"message", fault.message},
                        {"skip", fault.skip},
                        {"count", fault.count},
                        {"probability", fault.probability},
                        {"milliseconds", fault.milliseconds},
                        {"bytes_per_second", fault.bytes_per_second},
                        {"offset", fault.offset},
                        {"hits", fault.hits}});
    return list.dump();
}

std::optional<Fault> Faults::take(std::string_view operation, std::string_view path) {
    std::lock_guard lock(mutex_);
    for (Fault& fault : faults_) {
        if (fault.operation != "*" && fault.operation != operation) continue;
        if (path.find(fault.path) == std::string_view::npos) continue;
        if (fault.skip > 0) {
            --fault.skip;
            continue;
        }
        if (fault.hits >= fault.count) continue;
        if (std::uniform_real_distribution<double>()(random_) >= fault.probability) continue;
        ++fault.hits;
        return fault;
    }
    return std::nullopt;
}

}  // namespace icecore::sim
