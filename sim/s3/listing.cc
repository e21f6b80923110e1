#include "sim/s3/listing.h"

#include <utility>

namespace icecore::sim::s3 {
namespace {

/// The smallest text that is behind all that begin with `prefix`; empty if there is none.
std::string end_of_prefix(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

}  // namespace

std::string rolled_up(const std::string& key, const std::string& prefix, const std::string& delimiter) {
    std::size_t end = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    return end == std::string::npos ? std::string() : key.substr(0, end + delimiter.size());
}

bool is_common_prefix(const std::string& marker, const std::string& prefix, const std::string& delimiter) {
    return marker.size() > prefix.size() && marker.starts_with(prefix) &&
           rolled_up(marker, prefix, delimiter) == marker;
}

std::map<std::string, Versions>::const_iterator behind_prefix(const Bucket& bucket, std::string prefix) {
    std::string end = end_of_prefix(std::move(prefix));
    return end.empty() ? bucket.keys.end() : bucket.keys.lower_bound(end);
}

ListPage list_keys(const Bucket& bucket, const ListQuery& query) {
    ListPage page;
    const auto& keys = bucket.keys;
    auto at = query.after < query.prefix ? keys.lower_bound(query.prefix) : keys.upper_bound(query.after);
    if (is_common_prefix(query.after, query.prefix, query.delimiter)) at = behind_prefix(bucket, query.after);
    while (at != keys.end() && at->first.starts_with(query.prefix)) {
        if (at->second.back().delete_marker) {
            ++at;
            continue;
        }
        page.truncated = page.keys.size() + page.prefixes.size() >= query.keys_max;
        if (page.truncated) break;
        std::string rolled = rolled_up(at->first, query.prefix, query.delimiter);
        if (rolled.empty()) {
            page.keys.push_back({&at->first, &at->second.back()});
            page.last = at->first;
            ++at;
        } else {
            page.last = rolled;
            page.prefixes.push_back(std::move(rolled));
            at = behind_prefix(bucket, page.last);
        }
    }
    if (query.keys_max == 0) page.truncated = false;
    return page;
}

}  // namespace icecore::sim::s3
