#pragma once

#include <cstdint>
#include <string>

#include "sim/glacier/storage.h"

namespace icecore::sim::glacier {

/// What the service adds to an archive's size: an index and its metadata.
inline constexpr std::uint64_t kOverheadBytes = 32 << 10;

/// Writes down what the vault holds, as of `when`: inventory jobs tell of that until the next one.
void take_inventory(Storage& storage, Vault& vault, Timestamp when);

/// What an inventory job has made.
struct InventoryOutput {
    std::uint64_t size_bytes = 0;
    std::string next_marker;  ///< empty: nothing is left
};

/// Writes what `query` asks of the vault's last inventory to the file `path`, as JSON or CSV, sorted by
/// creation. Memory: one archive. Throws ApiError for a marker that is none.
InventoryOutput write_inventory(const Storage& storage, const Vault& vault, const std::string& arn,
                                const InventoryQuery& query, const std::string& path);

}  // namespace icecore::sim::glacier
