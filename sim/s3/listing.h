#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/s3/state.h"

namespace icecore::sim::s3 {

/// Which keys of a bucket are listed.
struct ListQuery {
    std::string prefix = {};
    std::string delimiter = {};  ///< keys that have it behind the prefix are rolled up; empty: none
    std::string after = {};      ///< only names behind this one
    std::uint64_t keys_max = 0;  ///< keys and common prefixes
};

struct ListedKey {
    const std::string* key;
    const Version* version;
};

struct ListPage {
    std::vector<ListedKey> keys;
    std::vector<std::string> prefixes;
    bool truncated = false;
    std::string last;  ///< key or prefix: where the next page goes on
};

/// The current objects, by the bytes of their keys. As long as the bucket does not change. Costs a step a
/// listed key or prefix and one a delete marker, however many keys there are.
ListPage list_keys(const Bucket& bucket, const ListQuery& query);

/// The common prefix that stands for `key` in a listing; empty if the key itself is listed.
std::string rolled_up(const std::string& key, const std::string& prefix, const std::string& delimiter);
/// Whether a page that ended with `marker` ended with a common prefix: then the next goes on behind all that
/// it stands for.
bool is_common_prefix(const std::string& marker, const std::string& prefix, const std::string& delimiter);
/// The first key behind all that begin with `prefix`.
std::map<std::string, Versions>::const_iterator behind_prefix(const Bucket& bucket, std::string prefix);

}  // namespace icecore::sim::s3
