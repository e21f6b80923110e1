#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/json_document.h"
#include "sim/prices.h"

namespace icecore::sim {

/// An archive's time in the store.
struct StoredInterval {
    std::uint64_t size_bytes = 0;
    Timestamp created;
    Timestamp deleted;  ///< or now
    bool gone = false;
};

/// What the stored bytes, requests and retrievals cost by a price table.
///
/// Storage is computed from the archives that the caller knows; all else is recorded here, a line of a
/// journal each time, written before the call returns: who records before he answers (and a retrieval before
/// he begins it) finds all of it after kill -9. The journal is made short again at the start and every
/// kLinesMax lines. Thread-safe.
class Bill {
  public:
    static constexpr std::size_t kLinesMax = 100'000;

    /// Counts are kept in the file `path`. Throws Error{corrupt} for one that it did not write.
    Bill(Prices prices, std::string path);

    /// Requests that failed with 5xx are not billed: they are not to be recorded.
    void add_request(std::string_view operation);
    void add_bytes_in(std::uint64_t bytes);
    /// An archive retrieval of so many bytes with a tier that the table has.
    void add_retrieval(const std::string& tier, std::uint64_t bytes);
    /// Bytes of archives and inventories that left.
    void add_egress(Timestamp when, std::uint64_t bytes);

    /// The bill of all that was recorded and of these archives, as JSON: counts, a line a position, total.
    /// One pass over the archives.
    std::string json(const std::vector<StoredInterval>& archives) const;
    /// The same for people.
    std::string text(const std::vector<StoredInterval>& archives) const;

  private:
    struct Line {
        std::string what;
        double amount = 0;
        std::string unit;
        double usd = 0;
    };
    using Counts = std::map<std::string, std::uint64_t>;

    void load();
    void take(const Json& line);
    void record(const Json& line);
    void shorten();
    Json totals() const;

    std::vector<Line> lines(const std::vector<StoredInterval>& archives) const;
    void add_storage(std::vector<Line>& lines, const std::vector<StoredInterval>& archives) const;
    void add_retrievals(std::vector<Line>& lines) const;
    void add_egress_line(std::vector<Line>& lines) const;

    Prices prices_;
    std::string path_;
    mutable std::mutex mutex_;  // guards what follows
    Fd journal_;
    std::size_t journal_lines_ = 0;
    std::uint64_t journal_bytes_ = 0;
    Counts requests_;
    std::uint64_t bytes_in_ = 0;
    Counts retrieval_jobs_;   ///< by tier
    Counts retrieved_bytes_;  ///< by tier
    Counts egress_bytes_;     ///< by month, "2026-11"
};

}  // namespace icecore::sim
