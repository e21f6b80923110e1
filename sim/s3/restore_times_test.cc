#include "sim/s3/restore_times.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace icecore::sim::s3 {
namespace {

Timestamp at(const char* text) {
    return parse_utc(text).value();
}

TEST(RestoreTimes, StayWithinWhatTheServiceStates) {
    struct Case {
        StorageClass of;
        const char* tier;
        std::int64_t min_sec;
        std::int64_t max_sec;
    };
    for (const Case& c : {Case{StorageClass::glacier, "Expedited", 60, 300},
                          Case{StorageClass::glacier, "Standard", 3 * 3600, 5 * 3600},
                          Case{StorageClass::glacier, "Bulk", 5 * 3600, 12 * 3600},
                          Case{StorageClass::deep_archive, "Standard", 1, 12 * 3600},
                          Case{StorageClass::deep_archive, "Bulk", 12 * 3600, 48 * 3600}}) {
        std::set<std::int64_t> seen;
        for (int i = 0; i < 300; ++i) {
            std::int64_t sec = restore_duration_sec(c.of, c.tier, "id" + std::to_string(i));
            EXPECT_GE(sec, c.min_sec);
            EXPECT_LE(sec, c.max_sec);
            EXPECT_EQ(sec, restore_duration_sec(c.of, c.tier, "id" + std::to_string(i)));
            seen.insert(sec);
        }
        EXPECT_GT(seen.size(), 50);
    }
}

TEST(RestoreTimes, ExpireAtMidnight) {
    // The example of the user guide: three days from October 15 10:30 end on October 19.
    EXPECT_EQ(restore_expiry(at("2012-10-15T10:30:00Z"), 3), at("2012-10-19T00:00:00Z"));
    EXPECT_EQ(restore_expiry(at("2012-10-15T00:00:00Z"), 1), at("2012-10-16T00:00:00Z"));
    EXPECT_EQ(restore_expiry(at("2012-10-15T00:00:00.000000001Z"), 1), at("2012-10-17T00:00:00Z"));
    EXPECT_EQ(restore_expiry(at("2012-12-31T23:59:59Z"), 1), at("2013-01-02T00:00:00Z"));
    EXPECT_EQ(next_midnight(at("1969-12-31T12:00:00Z")), at("1970-01-01T00:00:00Z"));
    EXPECT_EQ(next_midnight(at("1969-12-31T00:00:00Z")), at("1969-12-31T00:00:00Z"));
}

TEST(RestoreTimes, TiersHaveAnOrder) {
    EXPECT_TRUE(is_faster("Expedited", "Standard"));
    EXPECT_TRUE(is_faster("Standard", "Bulk"));
    EXPECT_FALSE(is_faster("Standard", "Standard"));
    EXPECT_FALSE(is_faster("Bulk", "Standard"));
}

TEST(StorageClasses, AreReadAsTheyAreWritten) {
    for (StorageClass of : kStorageClasses) EXPECT_EQ(parse_storage_class(storage_class_name(of)), of);
    EXPECT_EQ(parse_storage_class("deep_archive"), std::nullopt);
    EXPECT_EQ(parse_storage_class(""), std::nullopt);
    EXPECT_EQ(parts_class(StorageClass::glacier), StorageClass::standard);
    EXPECT_EQ(parts_class(StorageClass::standard_ia), StorageClass::standard_ia);
    EXPECT_EQ(restore_tiers(StorageClass::deep_archive).size(), 2);
    EXPECT_TRUE(restore_tiers(StorageClass::glacier_ir).empty());
}

}  // namespace
}  // namespace icecore::sim::s3
