#include "cost/prices.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/json_values.h"

namespace icecore::cost {
namespace {

constexpr std::array<std::string_view, 3> kTiers = {"Bulk", "Standard", "Expedited"};
constexpr std::array<std::string_view, 2> kDeepTiers = {"Bulk", "Standard"};
constexpr std::array<std::string_view, 8> kClasses = {
    "STANDARD",   "REDUCED_REDUNDANCY", "STANDARD_IA", "INTELLIGENT_TIERING",
    "ONEZONE_IA", "GLACIER_IR",         "GLACIER",     "DEEP_ARCHIVE"};
constexpr double kMax = 1e9;
constexpr std::uint64_t kBytesMax = 1 << 30;

/// Takes the values out of an object, so that what nobody asked for is left over.
class Fields {
  public:
    explicit Fields(Json object) : left_(std::move(object)) {
        if (!left_.is_object()) throw Error(Error::Kind::invalid, "a JSON object is expected");
    }
    Json take(const std::string& key) {
        if (!left_.contains(key)) throw Error(Error::Kind::invalid, format("\"{}\" is missing", key));
        Json value = left_[key];
        left_.erase(key);
        return value;
    }
    std::string take_text(const std::string& key) { return text(key, take(key)); }
    double take_number(const std::string& key) { return number(key, take(key), 0, kMax); }
    std::uint64_t take_bytes(const std::string& key) { return whole_number(key, take(key), kBytesMax); }
    bool has(const std::string& key) const { return left_.contains(key); }
    void check_empty() const {
        if (!left_.empty())
            throw Error(Error::Kind::invalid, format("\"{}\" is not known", left_.begin().key()));
    }

  private:
    Json left_;
};

std::map<std::string, double> by_tier(const Json& json, std::span<const std::string_view> tiers = kTiers) {
    Fields fields(json);
    std::map<std::string, double> out;
    for (std::string_view tier : tiers) out[std::string(tier)] = fields.take_number(std::string(tier));
    fields.check_empty();
    return out;
}

/// The tiers that objects of the class are restored with; none where nothing needs to be restored.
std::span<const std::string_view> restore_tiers(std::string_view of) {
    if (of == "DEEP_ARCHIVE") return kDeepTiers;
    if (of == "GLACIER") return kTiers;
    return {};
}

ClassPrices class_prices(std::string_view of, const Json& json) {
    Fields fields(json);
    ClassPrices out;
    out.storage_usd_per_gb_month = fields.take_number("storage_usd_per_gb_month");
    if (of == "INTELLIGENT_TIERING")
        out.watch_usd_per_1000_objects_month = fields.take_number("watch_usd_per_1000_objects_month");
    out.put_usd_per_1000_requests = fields.take_number("put_usd_per_1000_requests");
    out.get_usd_per_1000_requests = fields.take_number("get_usd_per_1000_requests");
    out.transition_usd_per_1000_requests = fields.take_number("transition_usd_per_1000_requests");
    out.retrieval_usd_per_gb = fields.take_number("retrieval_usd_per_gb");
    out.size_bytes_min = fields.take_bytes("size_bytes_min");
    out.index_bytes_per_object = fields.take_bytes("index_bytes_per_object");
    out.name_bytes_per_object = fields.take_bytes("name_bytes_per_object");
    out.storage_days_min = fields.take_number("storage_days_min");
    if (std::span<const std::string_view> tiers = restore_tiers(of); !tiers.empty()) {
        out.restore_usd_per_gb = by_tier(fields.take("restore_usd_per_gb"), tiers);
        out.restore_usd_per_1000_requests = by_tier(fields.take("restore_usd_per_1000_requests"), tiers);
    }
    fields.check_empty();
    return out;
}

std::map<std::string, ClassPrices, std::less<>> by_class(const Json& json) {
    Fields fields(json);
    std::map<std::string, ClassPrices, std::less<>> out;
    for (std::string_view of : kClasses) {
        std::string name(of);
        try {
            out[name] = class_prices(of, fields.take(name));
        } catch (Error& error) {
            error.add_context(name);
            throw;
        }
    }
    fields.check_empty();
    return out;
}

std::vector<Prices::Step> egress_steps(const Json& json) {
    std::vector<Prices::Step> out;
    double below = 0;
    for (const Json& item : json) {
        Fields fields(item);
        Prices::Step step{std::numeric_limits<double>::infinity(), fields.take_number("usd_per_gb")};
        if (fields.has("up_to_gb_month")) step.up_to_gb_month = fields.take_number("up_to_gb_month");
        fields.check_empty();
        if (step.up_to_gb_month <= below)
            throw Error(Error::Kind::invalid, "the steps of \"egress\" do not rise");
        below = step.up_to_gb_month;
        out.push_back(step);
    }
    if (below != std::numeric_limits<double>::infinity())
        throw Error(Error::Kind::invalid, "the last step of \"egress\" must have no \"up_to_gb_month\"");
    return out;
}

Prices parse_fields(Fields fields) {
    Prices out;
    out.date = fields.take_text("date");
    out.region = fields.take_text("region");
    fields.take_text("source");
    if (fields.take_text("currency") != "USD") throw Error(Error::Kind::invalid, "\"currency\" must be USD");
    out.upload_usd_per_1000_requests = fields.take_number("upload_usd_per_1000_requests");
    out.storage_usd_per_gb_month = fields.take_number("storage_usd_per_gb_month");
    out.index_bytes_per_archive = fields.take_bytes("index_bytes_per_archive");
    out.name_bytes_per_archive = fields.take_bytes("name_bytes_per_archive");
    out.name_usd_per_gb_month = fields.take_number("name_usd_per_gb_month");
    out.storage_days_min = fields.take_number("storage_days_min");
    out.retrieval_usd_per_gb = by_tier(fields.take("retrieval_usd_per_gb"));
    out.retrieval_usd_per_1000_requests = by_tier(fields.take("retrieval_usd_per_1000_requests"));
    out.s3 = by_class(fields.take("s3"));
    out.egress = egress_steps(fields.take("egress"));
    fields.check_empty();
    return out;
}

}  // namespace

Prices Prices::parse(std::string_view json_text) {
    try {
        return parse_fields(Fields(parse_json(json_text)));
    } catch (Error& error) {
        error.add_context("the table of prices");
        error.set_hint("src/cost/prices.json is a whole one");
        throw;
    }
}

double Prices::egress_usd(double gb) const {
    double usd = 0;
    double below = 0;
    for (const Step& step : egress) {
        if (gb <= below) break;
        usd += (std::min(gb, step.up_to_gb_month) - below) * step.usd_per_gb;
        below = step.up_to_gb_month;
    }
    return usd;
}

}  // namespace icecore::cost
