#include "sim/s3/listing.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace icecore::sim::s3 {
namespace {

Bucket bucket_of(const std::set<std::string>& keys, const std::set<std::string>& hidden = {}) {
    Bucket bucket;
    for (const std::string& key : keys) {
        Version version;
        version.delete_marker = hidden.contains(key);
        bucket.keys[key] = {version};
    }
    return bucket;
}

/// All names of all pages, prefixes with a mark.
std::vector<std::string> pages(const Bucket& bucket, ListQuery query) {
    std::vector<std::string> out;
    for (;;) {
        ListPage page = list_keys(bucket, query);
        EXPECT_LE(page.keys.size() + page.prefixes.size(), query.keys_max);
        std::set<std::string> names;
        for (const ListedKey& entry : page.keys) names.insert(*entry.key);
        for (const std::string& prefix : page.prefixes) names.insert(prefix + "|");
        out.insert(out.end(), names.begin(), names.end());
        if (!page.truncated) return out;
        EXPECT_GT(page.last, query.after);
        query.after = page.last;
    }
}

/// The same by going through everything.
std::set<std::string> expected(const std::set<std::string>& keys, const std::set<std::string>& hidden,
                               const ListQuery& query) {
    std::set<std::string> out;
    for (const std::string& key : keys) {
        if (hidden.contains(key) || !key.starts_with(query.prefix) || key <= query.after) continue;
        std::size_t end =
            query.delimiter.empty() ? std::string::npos : key.find(query.delimiter, query.prefix.size());
        out.insert(end == std::string::npos ? key : key.substr(0, end + query.delimiter.size()) + "|");
    }
    return out;
}

TEST(Listing, AnyPageSizeGivesAllOnce) {
    std::mt19937 random(3);
    for (int round = 0; round < 300; ++round) {
        std::set<std::string> keys;
        std::set<std::string> hidden;
        std::string letters("ab/\xff", 4);
        while (keys.size() < 25) {
            std::string key;
            for (auto n = 1 + random() % 5; n > 0; --n) key += letters[random() % letters.size()];
            if (random() % 4 == 0) hidden.insert(key);
            keys.insert(key);
        }
        ListQuery query;
        query.prefix = std::string("ab/").substr(0, random() % 4);
        query.delimiter = random() % 2 == 0 ? "/" : "";
        query.keys_max = 1 + random() % 7;
        std::vector<std::string> all = pages(bucket_of(keys, hidden), query);
        EXPECT_EQ(std::set<std::string>(all.begin(), all.end()), expected(keys, hidden, query));
        EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
    }
}

TEST(Listing, StartsBehindAName) {
    Bucket bucket = bucket_of({"a", "b", "b/1", "b/2", "c"});
    EXPECT_EQ(pages(bucket, {.after = "b", .keys_max = 10}), (std::vector<std::string>{"b/1", "b/2", "c"}));
    EXPECT_EQ(pages(bucket, {.delimiter = "/", .after = "b/1", .keys_max = 10}),
              (std::vector<std::string>{"b/|", "c"}));
    EXPECT_EQ(pages(bucket, {.delimiter = "/", .after = "b/", .keys_max = 10}),
              (std::vector<std::string>{"c"}));
    EXPECT_TRUE(list_keys(bucket, {.keys_max = 0}).keys.empty());
    EXPECT_FALSE(list_keys(bucket, {.keys_max = 0}).truncated);
}

}  // namespace
}  // namespace icecore::sim::s3
