#include "sim/bill.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "sim/files.h"

namespace icecore::sim {

// The journal holds JSON objects, one a line; the counts are the sum of all. A line without its line feed was
// cut by a kill, and what it was about has not been answered.

Bill::Bill(cost::Prices prices, std::string path) : prices_(std::move(prices)), path_(std::move(path)) {
    load();
    shorten();
}

void Bill::load() {
    std::string journal = read_if_there(path_).value_or("");
    std::string_view left = journal;
    try {
        for (std::size_t end = 0; (end = left.find('\n')) != std::string_view::npos;
             left.remove_prefix(end + 1))
            counts_.add(parse_json(left.substr(0, end)));
    } catch (const std::exception& error) {
        throw Error(Error::Kind::corrupt, format("{} is not the journal of a bill: {}", path_, error.what()));
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
    counts_.add(line);
    if (++journal_lines_ >= kLinesMax) shorten();
}

/// Puts one line with the sums in the place of all.
void Bill::shorten() {
    std::string text = counts_.json().dump() + "\n";
    write_whole(path_, text);
    journal_bytes_ = text.size();
    journal_ = open_file(path_, O_WRONLY | O_APPEND);
    journal_lines_ = 1;
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

void Bill::add_s3_request(std::string_view operation, S3Rate rate, s3::StorageClass at) {
    Json line = {{"s3_requests", {{std::string(operation), 1U}}}};
    if (rate != S3Rate::free)
        line[rate == S3Rate::put ? "s3_put_requests" : "s3_get_requests"] = {
            {std::string(s3::storage_class_name(at)), 1U}};
    record(line);
}

void Bill::add_s3_retrieval(s3::StorageClass of, std::uint64_t bytes) {
    record({{"s3_retrieved_bytes", {{std::string(s3::storage_class_name(of)), bytes}}}});
}

void Bill::add_s3_restore(s3::StorageClass of, std::string_view tier, std::uint64_t bytes) {
    CHECK(prices_of(prices_, of).restore_usd_per_gb.contains(std::string(tier)));
    std::string name = format("{} {}", s3::storage_class_name(of), tier);
    record({{"s3_restores", {{name, 1U}}}, {"s3_restored_bytes", {{name, bytes}}}});
}

std::vector<BillLine> Bill::lines(const Stored& stored) const {
    std::vector<BillLine> out = vault_lines(prices_, counts_, stored.archives);
    for (BillLine& line : s3_lines(prices_, counts_, stored.objects)) out.push_back(std::move(line));
    out.push_back(egress_line(prices_, counts_));
    return out;
}

std::string Bill::json(const Stored& stored) const {
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    double total = 0;
    for (const BillLine& line : lines(stored)) {
        list.push_back(
            {{"what", line.what}, {"amount", line.amount}, {"unit", line.unit}, {"usd", line.usd}});
        total += line.usd;
    }
    Json out = counts_.json();
    out["prices"] = {{"date", prices_.date}, {"region", prices_.region}};
    out["lines"] = list;
    out["usd"] = total;
    return out.dump();
}

std::string Bill::text(const Stored& stored) const {
    std::lock_guard lock(mutex_);
    std::string out = format("prices of {} ({})\n", prices_.date, prices_.region);
    double total = 0;
    for (const BillLine& line : lines(stored)) {
        if (line.amount == 0) continue;
        out += format("{:<42}{:>16.6f} {:<14}{:>16.6f} USD\n", line.what, line.amount, line.unit, line.usd);
        total += line.usd;
    }
    return out + format("{:<73}{:>16.6f} USD\n", "total", total);
}

}  // namespace icecore::sim
