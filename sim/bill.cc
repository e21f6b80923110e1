#include "sim/bill.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/format.h"
#include "sim/files.h"
#include "sim/json_values.h"

namespace icecore::sim {
namespace {

constexpr double kBytesPerGb = 1 << 30;
constexpr double kSecondsPerDay = 24.0 * 3600;
constexpr double kSecondsPerMonth = 30 * kSecondsPerDay;
constexpr std::array<std::string_view, 4> kUploadRequests = {
    "UploadArchive", "InitiateMultipartUpload", "UploadMultipartPart", "CompleteMultipartUpload"};

double gb(std::uint64_t bytes) {
    return static_cast<double>(bytes) / kBytesPerGb;
}

void add_counts(std::map<std::string, std::uint64_t>& to, const Json& more) {
    if (!more.is_object()) throw Error(Error::Kind::corrupt, "counts are a JSON object");
    for (const auto& [key, value] : more.items()) to[key] += whole_number(key, value);
}

}  // namespace

// The journal holds JSON objects, one a line; the counts are the sum of all. A line without its line feed was
// cut by a kill, and what it was about has not been answered.

Bill::Bill(Prices prices, std::string path) : prices_(std::move(prices)), path_(std::move(path)) {
    load();
    shorten();
}

void Bill::load() {
    std::string journal = read_if_there(path_).value_or("");
    std::string_view left = journal;
    try {
        for (std::size_t end = 0; (end = left.find('\n')) != std::string_view::npos;
             left.remove_prefix(end + 1))
            take(parse_json(left.substr(0, end)));
    } catch (const std::exception& error) {
        throw Error(Error::Kind::corrupt, format("{} is not the journal of a bill: {}", path_, error.what()));
    }
}

void Bill::take(const Json& line) {
    for (const auto& [key, value] : line.items()) {
        if (key == "requests")
            add_counts(requests_, value);
        else if (key == "bytes_in")
            bytes_in_ += whole_number(key, value);
        else if (key == "retrieval_jobs")
            add_counts(retrieval_jobs_, value);
        else if (key == "retrieved_bytes")
            add_counts(retrieved_bytes_, value);
        else if (key == "egress_bytes")
            add_counts(egress_bytes_, value);
        else
            throw Error(Error::Kind::corrupt, format("it has no \"{}\"", key));
    }
}

void Bill::record(const Json& line) {
    std::lock_guard lock(mutex_);
    std::string text = line.dump() + "\n";
    try {
        write_full(journal_.get(), text);
    } catch (const Error&) {
        // A disk that is full took a piece: the next line must not follow on it.
        if (::ftruncate(journal_.get(), static_cast<off_t>(journal_bytes_)) != 0)
            throw_errno("cutting " + path_);
        throw;
    }
    journal_bytes_ += text.size();
    take(line);
    if (++journal_lines_ >= kLinesMax) shorten();
}

/// Puts one line with the sums in the place of all.
void Bill::shorten() {
    std::string text = totals().dump() + "\n";
    write_whole(path_, text);
    journal_bytes_ = text.size();
    journal_ = open_file(path_, O_WRONLY | O_APPEND);
    journal_lines_ = 1;
}

Json Bill::totals() const {
    return {{"requests", requests_},
            {"bytes_in", bytes_in_},
            {"retrieval_jobs", retrieval_jobs_},
            {"retrieved_bytes", retrieved_bytes_},
            {"egress_bytes", egress_bytes_}};
}

void Bill::add_request(std::string_view operation) {
    record({{"requests", {{std::string(operation), 1U}}}});
}

void Bill::add_bytes_in(std::uint64_t bytes) {
    record({{"bytes_in", bytes}});
}

void Bill::add_retrieval(const std::string& tier, std::uint64_t bytes) {
    CHECK(prices_.retrieval_usd_per_gb.contains(tier));
    record({{"retrieval_jobs", {{tier, 1U}}}, {"retrieved_bytes", {{tier, bytes}}}});
}

void Bill::add_egress(Timestamp when, std::uint64_t bytes) {
    record({{"egress_bytes", {{format_iso_utc(when).substr(0, 7), bytes}}}});
}

void Bill::add_storage(std::vector<Line>& lines, const std::vector<StoredInterval>& archives) const {
    double seconds_min = prices_.storage_days_min * kSecondsPerDay;
    double stored = 0;
    double names = 0;
    double early = 0;
    double early_usd = 0;
    for (const StoredInterval& archive : archives) {
        auto seconds = static_cast<double>(archive.deleted.sec - archive.created.sec);
        double months = seconds / kSecondsPerMonth;
        double size_gb = gb(archive.size_bytes + prices_.index_bytes_per_archive);
        double name_gb = gb(prices_.name_bytes_per_archive);
        stored += size_gb * months;
        names += name_gb * months;
        if (!archive.gone || seconds >= seconds_min) continue;
        double months_left = (seconds_min - seconds) / kSecondsPerMonth;
        early += (size_gb + name_gb) * months_left;
        early_usd += size_gb * months_left * prices_.storage_usd_per_gb_month +
                     name_gb * months_left * prices_.name_usd_per_gb_month;
    }
    lines.push_back({"storage", stored, "GB-months", stored * prices_.storage_usd_per_gb_month});
    lines.push_back({"storage of names", names, "GB-months", names * prices_.name_usd_per_gb_month});
    lines.push_back({"early deletion", early, "GB-months", early_usd});
}

void Bill::add_retrievals(std::vector<Line>& lines) const {
    for (const auto& [tier, jobs] : retrieval_jobs_) {
        auto requests = static_cast<double>(jobs);
        lines.push_back({"retrieval requests, " + tier, requests, "requests",
                         requests / 1000 * prices_.retrieval_usd_per_1000_requests.at(tier)});
        double retrieved = gb(retrieved_bytes_.at(tier));
        lines.push_back(
            {"retrieval, " + tier, retrieved, "GB", retrieved * prices_.retrieval_usd_per_gb.at(tier)});
    }
}

void Bill::add_egress_line(std::vector<Line>& lines) const {
    Line line{.what = "transfer out", .unit = "GB"};
    for (const auto& [month, bytes] : egress_bytes_) {
        line.amount += gb(bytes);
        line.usd += prices_.egress_usd(gb(bytes));
    }
    lines.push_back(line);
}

std::vector<Bill::Line> Bill::lines(const std::vector<StoredInterval>& archives) const {
    std::vector<Line> out;
    double uploads = 0;
    for (std::string_view operation : kUploadRequests)
        if (auto found = requests_.find(std::string(operation)); found != requests_.end())
            uploads += static_cast<double>(found->second);
    out.push_back(
        {"upload requests", uploads, "requests", uploads / 1000 * prices_.upload_usd_per_1000_requests});
    add_storage(out, archives);
    add_retrievals(out);
    add_egress_line(out);
    return out;
}

std::string Bill::json(const std::vector<StoredInterval>& archives) const {
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    double total = 0;
    for (const Line& line : lines(archives)) {
        list.push_back(
            {{"what", line.what}, {"amount", line.amount}, {"unit", line.unit}, {"usd", line.usd}});
        total += line.usd;
    }
    Json out = totals();
    out["prices"] = {{"date", prices_.date}, {"region", prices_.region}};
    out["lines"] = list;
    out["usd"] = total;
    return out.dump();
}

std::string Bill::text(const std::vector<StoredInterval>& archives) const {
    std::lock_guard lock(mutex_);
    std::string out = format("prices of {} ({})\n", prices_.date, prices_.region);
    double total = 0;
    for (const Line& line : lines(archives)) {
        out += format("{:<32}{:>16.6f} {:<10}{:>16.6f} USD\n", line.what, line.amount, line.unit, line.usd);
        total += line.usd;
    }
    return out + format("{:<59}{:>16.6f} USD\n", "total", total);
}

}  // namespace icecore::sim
