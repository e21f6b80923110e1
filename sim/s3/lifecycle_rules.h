#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "sim/s3/state.h"

namespace icecore::sim::s3 {

/// From when on a rule acts on what it concerns: an age, or a date.
struct LifecycleAge {
    std::uint64_t days = 0;
    std::optional<Timestamp> date = std::nullopt;  ///< instead
};

struct LifecycleMove {
    LifecycleAge age;
    StorageClass to = StorageClass::standard;
    std::uint64_t newer_kept = 0;  ///< of noncurrent versions: so many newer ones stay where they are
};

struct LifecycleRule {
    std::string id;
    bool enabled = false;
    std::string prefix;
    std::map<std::string, std::string> tags;
    std::optional<std::uint64_t> larger_than_bytes;
    std::optional<std::uint64_t> smaller_than_bytes;
    std::vector<LifecycleMove> moves;
    std::optional<LifecycleAge> expiration;
    bool removes_lone_markers = false;
    std::vector<LifecycleMove> noncurrent_moves;
    std::optional<LifecycleMove> noncurrent_expiration;  ///< `to` means nothing
    std::optional<std::uint64_t> abort_days;
};

/// A lifecycle configuration.
struct Lifecycle {
    std::vector<LifecycleRule> rules;
    Timestamp since;                    ///< when it was set: nothing takes effect before
    bool moves_small_archives = false;  ///< objects below 128 KiB too, into GLACIER and DEEP_ARCHIVE

    /// Of the XML of a request. Throws ApiError.
    static std::vector<LifecycleRule> parse(std::string_view xml);
};

/// What a lifecycle does next with the versions of a key.
struct LifecycleAction {
    enum class What : std::uint8_t {
        move,    ///< the version to another class
        expire,  ///< the current version: it goes, or a delete marker hides it
        remove,  ///< the version, for good
    };
    What what = What::remove;
    Timestamp due;
    std::string version_id;
    StorageClass to = StorageClass::standard;
};

/// The first that is due by `now`; nullopt if there is none. Versions that a lock protects are not removed
/// before it ends.
std::optional<LifecycleAction> next_action(const Lifecycle& lifecycle, const std::string& key,
                                           const Versions& versions, Timestamp now);
/// When an upload is aborted; nullopt: never.
std::optional<Timestamp> abort_time(const Lifecycle& lifecycle, const Upload& upload);

}  // namespace icecore::sim::s3
