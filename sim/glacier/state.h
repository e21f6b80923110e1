#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "sim/glacier/ranges.h"

namespace icecore::sim::glacier {

/// What the service knows, as kept in memory. Moments are of the virtual clock.

/// An archive. Its bytes lie in files of `part_bytes` each (the last may be shorter).
struct Archive {
    std::string id;
    std::string description;
    Timestamp created;
    std::uint64_t size_bytes = 0;
    std::uint64_t part_bytes = 0;
    Digest tree_hash;
    std::string upload_id = {};  ///< of the multipart upload that it came by
    bool deleted = false;        ///< but jobs still need its bytes
};

struct Part {
    std::uint64_t size_bytes = 0;
    Digest tree_hash;
};

struct Upload {
    std::string id;
    std::string description;
    std::uint64_t part_bytes = 0;
    Timestamp created;
    Timestamp last_activity;
    std::map<std::uint64_t, Part> parts = {};  ///< by index: offset / part_bytes
    unsigned receiving = 0;                    ///< parts that are on their way: that is activity too
};

/// Which archives an inventory job tells of.
struct InventoryQuery {
    std::string format = "JSON";
    std::optional<Timestamp> start = std::nullopt;  ///< of creation, inclusive
    std::optional<Timestamp> end = std::nullopt;    ///< exclusive
    std::optional<std::uint64_t> limit = std::nullopt;
    std::string marker = {};
};

struct Job {
    enum class Kind : std::uint8_t { archive, inventory };
    std::string id;
    Kind kind = Kind::archive;
    std::string description = {};
    std::string sns_topic = {};
    Timestamp created;
    Timestamp due = {};        ///< when it completes
    std::string failure = {};  ///< why it fails then; empty: it succeeds
    // archive
    std::string tier = {};
    std::string archive_id = {};
    std::uint64_t archive_bytes = 0;
    Digest archive_tree_hash = {};
    ByteRange range = {};
    Digest range_tree_hash = {};  ///< none unless the range is tree-hash aligned
    // inventory; the output is written when the job begins
    InventoryQuery query = {};
    std::string next_marker = {};
    std::uint64_t inventory_bytes = 0;
};

struct VaultLock {
    std::string id;
    std::string policy;
    Timestamp created;
    Timestamp expires;
    bool locked = false;
};

/// The counts of the last inventory.
struct InventorySummary {
    Timestamp date;
    std::uint64_t archives = 0;
    std::uint64_t size_bytes = 0;
};

struct Vault {
    std::string name;
    Timestamp created;
    std::map<std::string, std::string> tags = {};
    std::string notifications = {};  ///< JSON; empty: not set
    std::string access_policy = {};  ///< empty: not set
    std::optional<VaultLock> lock = std::nullopt;
    std::optional<InventorySummary> inventory = std::nullopt;
    std::optional<Timestamp> changed = std::nullopt;  ///< first write since the last inventory
    std::map<std::string, Archive> archives = {};
    std::map<std::string, Upload> uploads = {};
    std::map<std::string, Job> jobs = {};
};

struct CapacityUnit {
    std::string id;
    Timestamp start;
    Timestamp expires;
};

struct Account {
    std::string retrieval_policy = {};  ///< JSON; empty: the default
    std::vector<CapacityUnit> capacity = {};
};

}  // namespace icecore::sim::glacier
