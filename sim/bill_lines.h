#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cost/prices.h"
#include "sim/bill_counts.h"
#include "sim/s3/storage_class.h"

namespace icecore::sim {

/// An archive's time in a vault.
struct StoredInterval {
    std::uint64_t size_bytes = 0;
    Timestamp created;
    Timestamp deleted;  ///< or now
    bool gone = false;
};

/// Bytes that were in a storage class of S3 for a time. An object that a lifecycle moves begins a new one.
struct S3Interval {
    enum class What : std::uint8_t {
        object,
        parts,  ///< of an upload that is not complete, or was not until `ended`
        copy,   ///< of an archived object, restored
    };
    What what = What::object;
    s3::StorageClass storage_class = s3::StorageClass::standard;  ///< of parts: of the object to be
    std::uint64_t size_bytes = 0;
    Timestamp begun;
    Timestamp ended;     ///< or now
    bool gone = false;   ///< deleted, overwritten or moved on: for `object`
    bool moved = false;  ///< by a lifecycle, into this class: which is charged too
};

/// All that storage is paid for.
struct Stored {
    std::vector<StoredInterval> archives;
    std::vector<S3Interval> objects;
};

/// A position of a bill.
struct BillLine {
    std::string what;
    double amount = 0;
    std::string unit;
    double usd = 0;
};

double bill_gb(std::uint64_t bytes);
double bill_months(double seconds);

/// The positions of vaults: all of them, also those of nothing.
using cost::ClassPrices;
using cost::Prices;

/// Those of a class.
const ClassPrices& prices_of(const Prices& prices, s3::StorageClass of);

std::vector<BillLine> vault_lines(const Prices& prices, const BillCounts& counts,
                                  const std::vector<StoredInterval>& archives);
/// The positions of S3 that are not of nothing. One pass over the objects.
std::vector<BillLine> s3_lines(const Prices& prices, const BillCounts& counts,
                               const std::vector<S3Interval>& objects);
/// What left, of both.
BillLine egress_line(const Prices& prices, const BillCounts& counts);

}  // namespace icecore::sim
