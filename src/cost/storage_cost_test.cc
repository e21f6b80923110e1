#include "cost/storage_cost.h"

#include <gtest/gtest.h>

namespace icecore::cost {
namespace {

constexpr std::uint64_t kGb = 1ULL << 30;
constexpr std::uint64_t kTb = 1ULL << 40;

double usd(const std::string& storage_class, std::uint64_t objects, std::uint64_t bytes) {
    return monthly_usd(Prices::built_in(), {{storage_class, objects, bytes}});
}

TEST(StorageCost, ATerabyteInVolumesOfAGigabyte) {
    // 32 KiB an object in the class, 8 KiB in STANDARD.
    EXPECT_NEAR(usd("DEEP_ARCHIVE", 1024, kTb), 1024 * 0.00099 + 0.03125 * 0.00099 + 0.0078125 * 0.023, 1e-9);
    EXPECT_NEAR(usd("GLACIER", 1024, kTb), 1024 * 0.0036 + 0.03125 * 0.0036 + 0.0078125 * 0.023, 1e-9);
    EXPECT_NEAR(usd("VAULT", 1024, kTb), 1024 * 0.0036 + 0.03125 * 0.0036 + 0.0078125 * 0.023, 1e-9);
    EXPECT_NEAR(usd("STANDARD", 1024, kTb), 1024 * 0.023, 1e-9);
    EXPECT_NEAR(usd("GLACIER_IR", 1024, kTb), 1024 * 0.004, 1e-9);
}

TEST(StorageCost, SmallObjectsCountAsLargerOnes) {
    EXPECT_NEAR(usd("STANDARD_IA", 8192, 8192), 0.0125, 1e-9);  // 128 KiB each
    EXPECT_NEAR(usd("STANDARD", 8192, 8192), 8192.0 / kGb * 0.023, 1e-12);
    EXPECT_NEAR(usd("INTELLIGENT_TIERING", 2000, kGb), 0.023 + 2 * 0.0025, 1e-9);
}

TEST(StorageCost, SumsUpAndKnowsNothingOfOtherClasses) {
    EXPECT_EQ(usd("SNOW", 5, kTb), 0);
    EXPECT_EQ(monthly_usd(Prices::built_in(), {}), 0);
    EXPECT_NEAR(monthly_usd(Prices::built_in(), {{"STANDARD", 1, kGb}, {"GLACIER_IR", 1, kGb}}), 0.027, 1e-9);
}

}  // namespace
}  // namespace icecore::cost
