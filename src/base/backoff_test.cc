#include "base/backoff.h"

#include <gtest/gtest.h>

namespace icecore {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

TEST(Backoff, DoublesToItsEnd) {
    Backoff backoff{500, 3000};
    EXPECT_EQ(backoff_ns(backoff, 1, 0.5), 250 * kNsPerMs);
    EXPECT_EQ(backoff_ns(backoff, 2, 0.5), 500 * kNsPerMs);
    EXPECT_EQ(backoff_ns(backoff, 3, 0.5), 1000 * kNsPerMs);
    EXPECT_EQ(backoff_ns(backoff, 4, 0.5), 1500 * kNsPerMs);
    EXPECT_EQ(backoff_ns(backoff, 4'000'000'000, 0.5), 1500 * kNsPerMs);
    EXPECT_EQ(backoff_ns(backoff, 1, 0), 0);
}

TEST(Backoff, OddLimits) {
    EXPECT_EQ(backoff_ns({0, 1000}, 4'000'000'000, 0.5), 0);
    EXPECT_EQ(backoff_ns({500, 100}, 1, 0.5), 50 * kNsPerMs);
    EXPECT_EQ(backoff_ns({1, 9'000'000'000}, 200, 0.5), 4'500'000'000 * kNsPerMs);
    EXPECT_DEATH(backoff_ns({1, 1}, 1, 1.0), "CHECK");
}

}  // namespace
}  // namespace icecore
