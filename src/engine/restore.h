#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

struct RestoreRequest {
    catalog::RunNumber at = 0;
    /// Relative to the data directory; empty = everything. Each is made again at its place below `to`.
    std::vector<std::string> paths;
    std::string to;  ///< made if missing
};

struct RestoreResult {
    std::uint64_t files = 0;  ///< put in place, all types but directories
    std::uint64_t directories = 0;
    std::uint64_t bytes = 0;              ///< content
    std::uint64_t stored_bytes_read = 0;  ///< read from archives
    /// What could not be restored, a line each: "a/b: SHA-256 differs". Exit status 3 if not empty.
    std::vector<std::string> problems;
    /// Things that needed privileges this process lacks, once each ("owner of files", …).
    std::vector<std::string> not_permitted;
};

/// Restores files of a run's tree from the local archives. Every file's SHA-256 is checked before it is put
/// in place; existing names below `to` are never replaced (they become problems; existing directories are
/// entered); nothing is ever written outside `to`. Throws Error{not_found} if the run or a path is not there.
RestoreResult restore(const Environment& env, const SetOptions& set, const catalog::Catalog& catalog,
                      const RestoreRequest& request, Observer& observer);

}  // namespace icecore::engine
