#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cost/prices.h"

namespace icecore::cost {

/// Name of the class of archives in a vault.
inline constexpr std::string_view kVaultClass = "VAULT";

/// Objects of one class that are stored.
struct StoredObjects {
    std::string storage_class;  ///< "DEEP_ARCHIVE"; kVaultClass
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
};

/// What keeping them costs a month, in US dollars: their bytes, and those that the service adds to each
/// object. A class without a price costs nothing. INTELLIGENT_TIERING counts as its dearest tier. Of a least
/// size of objects only the mean is known. Requests and least times of storage are not in it.
double monthly_usd(const Prices& prices, const std::vector<StoredObjects>& stored);

}  // namespace icecore::cost
