#include "sim/s3/listing.h"

namespace icecore::sim::s3 {

std::string end_of_prefix(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

ListPage list_keys(const Bucket& bucket, const ListQuery& query) {
    ListPage page;
    const auto& keys = bucket.keys;
    auto behind = [&](const std::string& prefix) {
        std::string end = end_of_prefix(prefix);
        return end.empty() ? keys.end() : keys.lower_bound(end);
    };
    auto at = query.after < query.prefix ? keys.lower_bound(query.prefix) : keys.upper_bound(query.after);
    // A page that ended with a common prefix goes on behind all that it stands for.
    bool after_prefix =
        !query.delimiter.empty() && query.after.size() > query.prefix.size() &&
        query.after.starts_with(query.prefix) &&
        query.after.find(query.delimiter, query.prefix.size()) == query.after.size() - query.delimiter.size();
    if (after_prefix) at = behind(query.after);
    while (at != keys.end() && at->first.starts_with(query.prefix)) {
        if (at->second.back().delete_marker) {
            ++at;
            continue;
        }
        page.truncated = page.keys.size() + page.prefixes.size() >= query.keys_max;
        if (page.truncated) break;
        std::size_t end = query.delimiter.empty() ? std::string::npos
                                                  : at->first.find(query.delimiter, query.prefix.size());
        if (end == std::string::npos) {
            page.keys.push_back({&at->first, &at->second.back()});
            page.last = at->first;
            ++at;
        } else {
            page.last = at->first.substr(0, end + query.delimiter.size());
            page.prefixes.push_back(page.last);
            at = behind(page.last);
        }
    }
    if (query.keys_max == 0) page.truncated = false;
    return page;
}

}  // namespace icecore::sim::s3
