#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/json_document.h"
#include "cost/prices.h"
#include "sim/bill_counts.h"
#include "sim/bill_lines.h"
#include "sim/s3/storage_class.h"

namespace icecore::sim {

/// What the stored bytes, requests and retrievals cost by a price table, of vaults and S3 together.
///
/// Storage is computed from the archives and objects that the caller knows; all else is recorded here, a line
/// of a journal each time, written before the call returns: who records before he answers (and a retrieval
/// before he begins it) finds all of it after kill -9. The journal is made short again at the start and every
/// kLinesMax lines. Thread-safe.
class Bill {
  public:
    static constexpr std::size_t kLinesMax = 100'000;

    /// Counts are kept in the file `path`. Throws Error{corrupt} for one that it did not write.
    Bill(cost::Prices prices, std::string path);

    /// Of the vault API. Requests that failed with 5xx are not billed: they are not to be recorded.
    void add_request(std::string_view operation);
    void add_bytes_in(std::uint64_t bytes);
    /// An archive retrieval of so many bytes with a tier that the table has.
    void add_retrieval(const std::string& tier, std::uint64_t bytes);
    /// Bytes of archives, inventories and objects that left.
    void add_egress(Timestamp when, std::uint64_t bytes);

    /// What an S3 request is charged like.
    enum class S3Rate : std::uint8_t { free, put, get };
    /// A request to S3 at the price of a class; those that failed with 5xx are not to be recorded.
    void add_s3_request(std::string_view operation, S3Rate rate, s3::StorageClass at);
    /// A GET sent so many bytes of an object of this class: for classes whose retrieval costs.
    void add_s3_retrieval(s3::StorageClass of, std::uint64_t bytes);
    /// RestoreObject began to restore so many bytes (0: it only counts the days anew) with a tier that the
    /// class has.
    void add_s3_restore(s3::StorageClass of, std::string_view tier, std::uint64_t bytes);

    /// The bill of all that was recorded and of what is stored, as JSON: counts, a line a position, total.
    /// One pass over what is stored.
    std::string json(const Stored& stored) const;
    /// The same for people, without the positions that are of nothing.
    std::string text(const Stored& stored) const;

  private:
    void load();
    void record(const Json& line);
    void shorten();
    std::vector<BillLine> lines(const Stored& stored) const;

    cost::Prices prices_;
    std::string path_;
    mutable std::mutex mutex_;  // guards what follows
    Fd journal_;
    std::size_t journal_lines_ = 0;
    std::uint64_t journal_bytes_ = 0;
    BillCounts counts_;
};

}  // namespace icecore::sim
