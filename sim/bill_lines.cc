#include "sim/bill_lines.h"

#include <array>
#include <string_view>

namespace icecore::sim {
namespace {

constexpr double kBytesPerGb = 1 << 30;
constexpr double kSecondsPerDay = 24.0 * 3600;
constexpr std::array<std::string_view, 4> kUploadRequests = {
    "UploadArchive", "InitiateMultipartUpload", "UploadMultipartPart", "CompleteMultipartUpload"};

void add_storage(std::vector<BillLine>& lines, const Prices& prices,
                 const std::vector<StoredInterval>& archives) {
    double seconds_min = prices.storage_days_min * kSecondsPerDay;
    double stored = 0;
    double names = 0;
    double early = 0;
    double early_usd = 0;
    for (const StoredInterval& archive : archives) {
        auto seconds = static_cast<double>(archive.deleted.sec - archive.created.sec);
        double months = bill_months(seconds);
        double size_gb = bill_gb(archive.size_bytes + prices.index_bytes_per_archive);
        double name_gb = bill_gb(prices.name_bytes_per_archive);
        stored += size_gb * months;
        names += name_gb * months;
        if (!archive.gone || seconds >= seconds_min) continue;
        double months_left = bill_months(seconds_min - seconds);
        early += (size_gb + name_gb) * months_left;
        early_usd += size_gb * months_left * prices.storage_usd_per_gb_month +
                     name_gb * months_left * prices.name_usd_per_gb_month;
    }
    lines.push_back({"storage", stored, "GB-months", stored * prices.storage_usd_per_gb_month});
    lines.push_back({"storage of names", names, "GB-months", names * prices.name_usd_per_gb_month});
    lines.push_back({"early deletion", early, "GB-months", early_usd});
}

void add_retrievals(std::vector<BillLine>& lines, const Prices& prices, const BillCounts& counts) {
    for (const auto& [tier, jobs] : counts.retrieval_jobs) {
        auto requests = static_cast<double>(jobs);
        lines.push_back({"retrieval requests, " + tier, requests, "requests",
                         requests / 1000 * prices.retrieval_usd_per_1000_requests.at(tier)});
        double retrieved = bill_gb(counts.retrieved_bytes.at(tier));
        lines.push_back(
            {"retrieval, " + tier, retrieved, "GB", retrieved * prices.retrieval_usd_per_gb.at(tier)});
    }
}

}  // namespace

double bill_gb(std::uint64_t bytes) {
    return static_cast<double>(bytes) / kBytesPerGb;
}

double bill_months(double seconds) {
    return seconds / (30 * kSecondsPerDay);
}

const ClassPrices& prices_of(const Prices& prices, s3::StorageClass of) {
    return prices.s3.at(std::string(s3::storage_class_name(of)));
}

std::vector<BillLine> vault_lines(const Prices& prices, const BillCounts& counts,
                                  const std::vector<StoredInterval>& archives) {
    std::vector<BillLine> out;
    double uploads = 0;
    for (std::string_view operation : kUploadRequests)
        if (auto found = counts.requests.find(std::string(operation)); found != counts.requests.end())
            uploads += static_cast<double>(found->second);
    out.push_back(
        {"upload requests", uploads, "requests", uploads / 1000 * prices.upload_usd_per_1000_requests});
    add_storage(out, prices, archives);
    add_retrievals(out, prices, counts);
    return out;
}

BillLine egress_line(const Prices& prices, const BillCounts& counts) {
    BillLine line{.what = "transfer out", .unit = "GB"};
    for (const auto& [month, bytes] : counts.egress_bytes) {
        line.amount += bill_gb(bytes);
        line.usd += prices.egress_usd(bill_gb(bytes));
    }
    return line;
}

}  // namespace icecore::sim
