#include "cost/storage_cost.h"

#include <algorithm>

namespace icecore::cost {
namespace {

double gb(double bytes) {
    return bytes / (1 << 30);
}

double vault_usd(const Prices& prices, const StoredObjects& stored) {
    auto objects = static_cast<double>(stored.objects);
    double own =
        static_cast<double>(stored.bytes) + objects * static_cast<double>(prices.index_bytes_per_archive);
    return gb(own) * prices.storage_usd_per_gb_month +
           gb(objects * static_cast<double>(prices.name_bytes_per_archive)) * prices.name_usd_per_gb_month;
}

double class_usd(const Prices& prices, const ClassPrices& of, const StoredObjects& stored) {
    auto objects = static_cast<double>(stored.objects);
    double bytes =
        std::max(static_cast<double>(stored.bytes), objects * static_cast<double>(of.size_bytes_min));
    double own = bytes + objects * static_cast<double>(of.index_bytes_per_object);
    double names = objects * static_cast<double>(of.name_bytes_per_object);
    return gb(own) * of.storage_usd_per_gb_month +
           gb(names) * prices.s3.at("STANDARD").storage_usd_per_gb_month +
           objects / 1000 * of.watch_usd_per_1000_objects_month;
}

}  // namespace

double monthly_usd(const Prices& prices, const std::vector<StoredObjects>& stored) {
    double usd = 0;
    for (const StoredObjects& objects : stored) {
        auto of = prices.s3.find(objects.storage_class);
        if (objects.storage_class == kVaultClass)
            usd += vault_usd(prices, objects);
        else if (of != prices.s3.end())
            usd += class_usd(prices, of->second, objects);
    }
    return usd;
}

}  // namespace icecore::cost
