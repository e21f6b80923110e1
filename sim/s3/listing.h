#pragma once

#include <cstdint>
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

/// The smallest text that is behind all that begin with `prefix`; empty if there is none.
std::string end_of_prefix(std::string prefix);

}  // namespace icecore::sim::s3
