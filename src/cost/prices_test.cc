#include "cost/prices.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_document.h"

namespace icecore::cost {
namespace {

TEST(Prices, EgressGetsCheaperInSteps) {
    Prices prices = Prices::built_in();
    EXPECT_NEAR(prices.egress_usd(10240), 912.6, 1e-9);            // 10140 × 0.09
    EXPECT_NEAR(prices.egress_usd(51200), 4394.2, 1e-9);           // + 40960 × 0.085
    EXPECT_NEAR(prices.egress_usd(153600), 11562.2, 1e-9);         // + 102400 × 0.07
    EXPECT_NEAR(prices.egress_usd(153600 + 1000), 11612.2, 1e-9);  // + 1000 × 0.05
}

TEST(Prices, RefusesATableThatLacksSomethingOrSaysMore) {
    std::string whole = read_file(ICECORE_PRICES);
    EXPECT_EQ(Prices::parse(whole).date, Prices::built_in().date);
    Json table = parse_json(whole);
    for (const auto& [key, value] : table.items()) {
        Json less = table;
        less.erase(key);
        EXPECT_THROW(Prices::parse(less.dump()), Error) << key;
        Json other = table;
        other[key] = Json::array({true});
        EXPECT_THROW(Prices::parse(other.dump()), Error) << key;
    }
    Json more = table;
    more["bribes_usd"] = 1;
    EXPECT_THROW(Prices::parse(more.dump()), Error);
    Json tier = table;
    tier["retrieval_usd_per_gb"].erase("Bulk");
    EXPECT_THROW(Prices::parse(tier.dump()), Error);
    for (const char* name : {"DEEP_ARCHIVE", "STANDARD"}) {
        Json classes = table;
        classes["s3"].erase(name);
        EXPECT_THROW(Prices::parse(classes.dump()), Error) << name;
    }
    Json expedited = table;
    expedited["s3"]["DEEP_ARCHIVE"]["restore_usd_per_gb"]["Expedited"] = 1;
    EXPECT_THROW(Prices::parse(expedited.dump()), Error);
    Json open = table;
    open["egress"].erase(4);
    EXPECT_THROW(Prices::parse(open.dump()), Error);
    Json negative = table;
    negative["storage_usd_per_gb_month"] = -1;
    EXPECT_THROW(Prices::parse(negative.dump()), Error);
    EXPECT_THROW(Prices::parse("{"), Error);
}

}  // namespace
}  // namespace icecore::cost
