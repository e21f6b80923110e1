#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::cost {

/// What a storage class of S3 costs.
struct ClassPrices {
    double storage_usd_per_gb_month = 0;
    double watch_usd_per_1000_objects_month = 0;  ///< of INTELLIGENT_TIERING, for objects of 128 KiB or more
    double put_usd_per_1000_requests = 0;
    double get_usd_per_1000_requests = 0;
    double transition_usd_per_1000_requests = 0;  ///< into it, by a lifecycle
    double retrieval_usd_per_gb = 0;              ///< of what a GET sends
    std::uint64_t size_bytes_min = 0;             ///< a smaller object is charged like one of so many
    std::uint64_t index_bytes_per_object = 0;     ///< charged like the object's own bytes
    std::uint64_t name_bytes_per_object = 0;      ///< charged like bytes in STANDARD
    double storage_days_min = 0;                  ///< an object that leaves earlier is charged for so long
    std::map<std::string, double> restore_usd_per_gb;             ///< by tier, where there are tiers
    std::map<std::string, double> restore_usd_per_1000_requests;  ///< likewise
};

/// What things cost at Amazon, in US dollars. A GB has 2^30 bytes, a month 30 days. src/cost/prices.json is
/// such a table.
struct Prices {
    struct Step {
        double up_to_gb_month = 0;  ///< of all that left in the month; infinite in the last step
        double usd_per_gb = 0;
    };

    std::string date;    ///< that they are of
    std::string region;  ///< that they are of
    double upload_usd_per_1000_requests = 0;
    double storage_usd_per_gb_month = 0;
    std::uint64_t index_bytes_per_archive = 0;  ///< charged like the archive's own bytes
    std::uint64_t name_bytes_per_archive = 0;   ///< charged with name_usd_per_gb_month
    double name_usd_per_gb_month = 0;
    double storage_days_min = 0;  ///< an archive that is deleted earlier is charged for so long
    std::map<std::string, double> retrieval_usd_per_gb;             ///< by tier
    std::map<std::string, double> retrieval_usd_per_1000_requests;  ///< by tier
    std::map<std::string, ClassPrices, std::less<>> s3;             ///< by class, "DEEP_ARCHIVE"
    std::vector<Step> egress;                                       ///< of vaults and S3 together

    /// Throws Error{invalid, corrupt} for a table that lacks something or says more.
    static Prices parse(std::string_view json_text);
    /// src/cost/prices.json, as it was when this was compiled.
    static Prices built_in();

    /// For what leaves in one month.
    double egress_usd(double gb) const;
};

}  // namespace icecore::cost
