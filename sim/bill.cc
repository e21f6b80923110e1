#include "sim/bill.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/format.h"
#include "sim/files.h"

namespace icecore::sim {
namespace {

constexpr double kBytesPerGb = 1 << 30;
constexpr double kSecondsPerMonth = 30.0 * 24 * 3600;
constexpr double kSecondsPerDay = 24.0 * 3600;
constexpr std::array<std::string_view, 4> kUploadRequests = {
    "UploadArchive", "InitiateMultipartUpload", "UploadMultipartPart", "CompleteMultipartUpload"};

double gb(std::uint64_t bytes) {
    return static_cast<double>(bytes) / kBytesPerGb;
}

std::map<std::string, std::uint64_t> counts(const Json& json, const char* key) {
    return json.at(key).get<std::map<std::string, std::uint64_t>>();
}

}  // namespace

Bill::Bill(std::string_view prices, std::string path) : path_(std::move(path)) {
    try {
        prices_ = parse_json(prices);
        lines({});  // touches every price
        egress_dollars(1e9);
        for (const char* key : {"retrieval_per_gb", "retrieval_requests_per_1000"})
            for (const char* tier : {"Bulk", "Standard", "Expedited"})
                prices_.at("glacier").at(key).at(tier).get<double>();
    } catch (const Json::exception& e) {
        throw Error(Error::Kind::invalid, format("the price table lacks something: {}", e.what()),
                    "sim/prices.json is a whole one");
    }
    std::optional<std::string> text = read_if_there(path_);
    if (!text) return;
    Json json = parse_json(*text);
    requests_ = counts(json, "requests");
    bytes_in_ = json.at("bytes_in").get<std::uint64_t>();
    retrieval_jobs_ = counts(json, "retrieval_jobs");
    retrieved_bytes_ = counts(json, "retrieved_bytes");
    egress_bytes_ = counts(json, "egress_bytes");
}

void Bill::save() const {
    Json json = {{"requests", requests_},
                 {"bytes_in", bytes_in_},
                 {"retrieval_jobs", retrieval_jobs_},
                 {"retrieved_bytes", retrieved_bytes_},
                 {"egress_bytes", egress_bytes_}};
    write_whole(path_, json.dump());
}

void Bill::add_request(std::string_view operation) {
    std::lock_guard lock(mutex_);
    ++requests_[std::string(operation)];
    save();
}

void Bill::add_bytes_in(std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    bytes_in_ += bytes;
    save();
}

void Bill::add_retrieval(const std::string& tier, std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    ++retrieval_jobs_[tier];
    retrieved_bytes_[tier] += bytes;
    save();
}

void Bill::add_egress(Timestamp when, std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    egress_bytes_[format_iso_utc(when).substr(0, 7)] += bytes;
    save();
}

double Bill::egress_dollars(double left_gb) const {
    double dollars = 0;
    double below_gb = 0;
    for (const Json& step : prices_.at("egress_per_gb")) {
        double price = step.at("price").get<double>();
        if (!step.contains("up_to_gb")) return dollars + left_gb * price;
        double room = step.at("up_to_gb").get<double>() - below_gb;
        double used = std::min(left_gb, room);
        dollars += used * price;
        left_gb -= used;
        below_gb += room;
    }
    return dollars;
}

void Bill::add_storage(std::vector<Line>& lines, const std::vector<StoredInterval>& archives) const {
    const Json& prices = prices_.at("glacier");
    double price = prices.at("storage_per_gb_month").get<double>();
    auto overhead = prices.at("overhead_bytes_per_archive").get<std::uint64_t>();
    double minimum_seconds = prices.at("minimum_days").get<double>() * kSecondsPerDay;
    double gb_months = 0;
    double early_gb_months = 0;
    for (const StoredInterval& archive : archives) {
        auto seconds = static_cast<double>(archive.deleted.sec - archive.created.sec);
        double size_gb = gb(archive.size_bytes + overhead);
        gb_months += size_gb * seconds / kSecondsPerMonth;
        if (archive.gone && seconds < minimum_seconds)
            early_gb_months += size_gb * (minimum_seconds - seconds) / kSecondsPerMonth;
    }
    lines.push_back({"storage", gb_months, "GB-months", gb_months * price});
    lines.push_back({"early deletion", early_gb_months, "GB-months", early_gb_months * price});
}

void Bill::add_retrievals(std::vector<Line>& lines) const {
    const Json& prices = prices_.at("glacier");
    for (const auto& [tier, jobs] : retrieval_jobs_) {
        auto requests = static_cast<double>(jobs);
        lines.push_back({"retrieval requests, " + tier, requests, "requests",
                         requests / 1000 * prices.at("retrieval_requests_per_1000").at(tier).get<double>()});
        double retrieved = gb(retrieved_bytes_.at(tier));
        lines.push_back({"retrieval, " + tier, retrieved, "GB",
                         retrieved * prices.at("retrieval_per_gb").at(tier).get<double>()});
    }
}

std::vector<Bill::Line> Bill::lines(const std::vector<StoredInterval>& archives) const {
    std::vector<Line> out;
    double uploads = 0;
    for (std::string_view operation : kUploadRequests)
        if (auto found = requests_.find(std::string(operation)); found != requests_.end())
            uploads += static_cast<double>(found->second);
    out.push_back({"upload requests", uploads, "requests",
                   uploads / 1000 * prices_.at("glacier").at("upload_requests_per_1000").get<double>()});
    add_storage(out, archives);
    add_retrievals(out);
    double egress = 0;
    double egress_cost = 0;
    for (const auto& [month, bytes] : egress_bytes_) {
        egress += gb(bytes);
        egress_cost += egress_dollars(gb(bytes));
    }
    out.push_back({"transfer out", egress, "GB", egress_cost});
    return out;
}

std::string Bill::json(const std::vector<StoredInterval>& archives) const {
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    double total = 0;
    for (const Line& line : lines(archives)) {
        list.push_back(
            {{"what", line.what}, {"amount", line.amount}, {"unit", line.unit}, {"dollars", line.dollars}});
        total += line.dollars;
    }
    Json json = {{"prices", {{"date", prices_.at("date")}, {"region", prices_.at("region")}}},
                 {"requests", requests_},
                 {"bytes_in", bytes_in_},
                 {"retrieval_jobs", retrieval_jobs_},
                 {"retrieved_bytes", retrieved_bytes_},
                 {"egress_bytes", egress_bytes_},
                 {"lines", list},
                 {"dollars", total}};
    return json.dump();
}

std::string Bill::text(const std::vector<StoredInterval>& archives) const {
    std::lock_guard lock(mutex_);
    std::string out = format("prices of {} ({})\n", prices_.at("date").get<std::string>(),
                             prices_.at("region").get<std::string>());
    double total = 0;
    for (const Line& line : lines(archives)) {
        out += format("{:<34}{:>14.6f} {:<10}{:>14.6f} $\n", line.what, line.amount, line.unit, line.dollars);
        total += line.dollars;
    }
    return out + format("{:<59}{:>14.6f} $\n", "total", total);
}

}  // namespace icecore::sim
