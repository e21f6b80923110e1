#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/json_document.h"

namespace icecore::sim {

/// What a bill counts. A line of its journal has the same form, with some of the keys.
struct BillCounts {
    using ByName = std::map<std::string, std::uint64_t>;

    ByName requests;  ///< of the vault API, by operation
    std::uint64_t bytes_in = 0;
    ByName retrieval_jobs;      ///< by tier
    ByName retrieved_bytes;     ///< by tier
    ByName s3_requests;         ///< by operation
    ByName s3_put_requests;     ///< those that are charged like a PUT, by the class whose price they have
    ByName s3_get_requests;     ///< those that are charged like a GET, likewise
    ByName s3_retrieved_bytes;  ///< sent by GET, by class
    ByName s3_restores;         ///< by class and tier: "GLACIER Bulk"
    ByName s3_restored_bytes;   ///< likewise
    ByName egress_bytes;        ///< by month, "2026-11"

    /// Adds what `line` has. Throws Error{corrupt, invalid} for keys and values that are not known.
    void add(const Json& line);
    Json json() const;

  private:
    template <typename Self, typename Visit>
    static void each(Self& self, Visit visit);
};

}  // namespace icecore::sim
