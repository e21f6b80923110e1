#include "sim/pattern.h"

#include <gtest/gtest.h>

namespace icecore::sim {
namespace {

TEST(Patterns, Match) {
    EXPECT_TRUE(matches_pattern("", "*"));
    EXPECT_TRUE(matches_pattern("abcabc", "a*c"));
    EXPECT_TRUE(matches_pattern("abcabc", "*b?"));
    EXPECT_TRUE(matches_pattern("abc", "abc***"));
    EXPECT_FALSE(matches_pattern("abcd", "a*c"));
    EXPECT_FALSE(matches_pattern("", "?"));
    EXPECT_FALSE(matches_pattern("ab", "abc"));
}

}  // namespace
}  // namespace icecore::sim
