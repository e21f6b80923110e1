#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json_document.h"

namespace icecore::sim {

/// An archive's time in the store.
struct StoredInterval {
    std::uint64_t size_bytes = 0;
    Timestamp created;
    Timestamp deleted;  ///< or now
    bool gone = false;
};

/// What the stored bytes, requests and retrievals cost by a price table. A month has 30 days, a GB 2^30
/// bytes. Survives kill -9 to the last recorded thing. Thread-safe.
class Bill {
  public:
    /// `prices`: a table in the form of sim/prices.json. Counts are kept in the file `path`. Throws
    /// Error{invalid} for a table that lacks something.
    Bill(std::string_view prices, std::string path);

    void add_request(std::string_view operation);
    void add_bytes_in(std::uint64_t bytes);
    void add_retrieval(const std::string& tier, std::uint64_t bytes);
    void add_egress(Timestamp when, std::uint64_t bytes);

    /// The bill of all that was recorded and of these archives, as JSON: counts, a line a position, total.
    std::string json(const std::vector<StoredInterval>& archives) const;
    /// The same for people.
    std::string text(const std::vector<StoredInterval>& archives) const;

  private:
    struct Line {
        std::string what;
        double amount = 0;
        std::string unit;
        double dollars = 0;
    };
    std::vector<Line> lines(const std::vector<StoredInterval>& archives) const;
    void add_storage(std::vector<Line>& lines, const std::vector<StoredInterval>& archives) const;
    void add_retrievals(std::vector<Line>& lines) const;
    double egress_dollars(double gb) const;
    void save() const;

    Json prices_;
    std::string path_;
    mutable std::mutex mutex_;  // guards what follows
    std::map<std::string, std::uint64_t> requests_;
    std::uint64_t bytes_in_ = 0;
    std::map<std::string, std::uint64_t> retrieval_jobs_;
    std::map<std::string, std::uint64_t> retrieved_bytes_;
    std::map<std::string, std::uint64_t> egress_bytes_;  ///< by month, "2026-11"
};

}  // namespace icecore::sim
