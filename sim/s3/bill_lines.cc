#include "sim/bill_lines.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace icecore::sim {
namespace {

using s3::StorageClass;

constexpr double kSecondsPerDay = 24.0 * 3600;
constexpr std::uint64_t kWatchedBytesMin = 128 << 10;

/// What was stored of one class, in GB-months; `watched` and `moved` are object-months and objects.
struct ClassSums {
    double stored = 0;
    double names = 0;
    double early = 0;
    double early_names = 0;
    double watched = 0;
    double moved = 0;
};

struct Sums {
    std::map<StorageClass, ClassSums> objects;
    std::map<StorageClass, double> parts;  ///< by the class that they are charged like
    double copies = 0;
};

double seconds_of(const S3Interval& interval) {
    return static_cast<double>(std::max<std::int64_t>(interval.ended.sec - interval.begun.sec, 0));
}

void add_object(ClassSums& sums, const ClassPrices& prices, const S3Interval& object) {
    double months = bill_months(seconds_of(object));
    double size_gb =
        bill_gb(std::max(object.size_bytes, prices.size_bytes_min) + prices.index_bytes_per_object);
    double name_gb = bill_gb(prices.name_bytes_per_object);
    sums.stored += size_gb * months;
    sums.names += name_gb * months;
    if (object.size_bytes >= kWatchedBytesMin) sums.watched += months;
    if (object.moved) sums.moved += 1;
    double seconds_left = prices.storage_days_min * kSecondsPerDay - seconds_of(object);
    if (!object.gone || seconds_left <= 0) return;
    sums.early += size_gb * bill_months(seconds_left);
    sums.early_names += name_gb * bill_months(seconds_left);
}

Sums sum_up(const Prices& prices, const std::vector<S3Interval>& objects) {
    Sums sums;
    for (const S3Interval& interval : objects) {
        double gb_months = bill_gb(interval.size_bytes) * bill_months(seconds_of(interval));
        switch (interval.what) {
            case S3Interval::What::object:
                add_object(sums.objects[interval.storage_class], prices_of(prices, interval.storage_class),
                           interval);
                break;
            case S3Interval::What::parts:
                sums.parts[s3::parts_class(interval.storage_class)] += gb_months;
                break;
            case S3Interval::What::copy:
                sums.copies += gb_months;
                break;
        }
    }
    return sums;
}

class Lines {
  public:
    /// A line, if it is of anything.
    void add(std::string what, double amount, const char* unit, double usd) {
        if (amount != 0) lines_.push_back({std::move(what), amount, unit, usd});
    }
    std::vector<BillLine> take() { return std::move(lines_); }

  private:
    std::vector<BillLine> lines_;
};

std::uint64_t count_of(const BillCounts::ByName& counts, const std::string& name) {
    auto found = counts.find(name);
    return found == counts.end() ? 0 : found->second;
}

void add_storage(Lines& lines, const Prices& prices, StorageClass of, const ClassSums& sums) {
    const ClassPrices& price = prices_of(prices, of);
    double name_usd = prices_of(prices, StorageClass::standard).storage_usd_per_gb_month;
    std::string name(s3::storage_class_name(of));
    lines.add("S3 storage, " + name, sums.stored, "GB-months", sums.stored * price.storage_usd_per_gb_month);
    lines.add("S3 storage of names, " + name, sums.names, "GB-months", sums.names * name_usd);
    lines.add("S3 early deletion, " + name, sums.early + sums.early_names, "GB-months",
              sums.early * price.storage_usd_per_gb_month + sums.early_names * name_usd);
    if (of == StorageClass::intelligent_tiering)
        lines.add("S3 watching, " + name, sums.watched, "object-months",
                  sums.watched / 1000 * price.watch_usd_per_1000_objects_month);
    lines.add("S3 transitions, " + name, sums.moved, "requests",
              sums.moved / 1000 * price.transition_usd_per_1000_requests);
}

void add_requests(Lines& lines, const ClassPrices& price, const std::string& name, const BillCounts& counts) {
    auto puts = static_cast<double>(count_of(counts.s3_put_requests, name));
    auto gets = static_cast<double>(count_of(counts.s3_get_requests, name));
    double retrieved = bill_gb(count_of(counts.s3_retrieved_bytes, name));
    lines.add("S3 put requests, " + name, puts, "requests", puts / 1000 * price.put_usd_per_1000_requests);
    lines.add("S3 get requests, " + name, gets, "requests", gets / 1000 * price.get_usd_per_1000_requests);
    if (price.retrieval_usd_per_gb > 0)
        lines.add("S3 retrieval, " + name, retrieved, "GB", retrieved * price.retrieval_usd_per_gb);
    for (const auto& [tier, usd_per_gb] : price.restore_usd_per_gb) {
        std::string both = name + " " + tier;
        auto requests = static_cast<double>(count_of(counts.s3_restores, both));
        double restored = bill_gb(count_of(counts.s3_restored_bytes, both));
        lines.add("S3 restore requests, " + both, requests, "requests",
                  requests / 1000 * price.restore_usd_per_1000_requests.at(tier));
        lines.add("S3 restores, " + both, restored, "GB", restored * usd_per_gb);
    }
}

}  // namespace

std::vector<BillLine> s3_lines(const Prices& prices, const BillCounts& counts,
                               const std::vector<S3Interval>& objects) {
    Sums sums = sum_up(prices, objects);
    Lines lines;
    for (StorageClass of : s3::kStorageClasses) {
        add_storage(lines, prices, of, sums.objects[of]);
        std::string name(s3::storage_class_name(of));
        lines.add("S3 storage of parts, " + name, sums.parts[of], "GB-months",
                  sums.parts[of] * prices_of(prices, of).storage_usd_per_gb_month);
        add_requests(lines, prices_of(prices, of), name, counts);
    }
    lines.add("S3 storage of restored copies", sums.copies, "GB-months",
              sums.copies * prices_of(prices, StorageClass::standard).storage_usd_per_gb_month);
    return lines.take();
}

}  // namespace icecore::sim
