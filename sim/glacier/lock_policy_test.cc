#include "sim/glacier/lock_policy.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/api_error.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::string_view kArn = "arn:aws:glacier:us-east-1:123456789012:vaults/v";

std::string statement(const std::string& rest) {
    return R"({"Version":"2012-10-17","Statement":[{"Principal":"*",)" + rest + "}]}";
}

bool denies(const std::string& rest, std::int64_t age_days = 10) {
    return LockPolicy::parse(statement(rest)).denies_deletion(kArn, age_days);
}

TEST(LockPolicy, DeniesByAge) {
    std::string policy =
        R"("Effect":"Deny","Action":"glacier:DeleteArchive","Resource":["arn:aws:glacier:us-east-1:123456789012:vaults/v"],
           "Condition":{"NumericLessThan":{"glacier:ArchiveAgeInDays":"365"}})";
    EXPECT_TRUE(denies(policy, 0));
    EXPECT_TRUE(denies(policy, 364));
    EXPECT_FALSE(denies(policy, 365));
}

TEST(LockPolicy, ComparesEitherWay) {
    auto with = [](const std::string& comparison, std::int64_t age_days) {
        return denies(R"("Effect":"Deny","Action":"*","Condition":{")" + comparison +
                          R"(":{"glacier:archiveageindays":[10]}})",
                      age_days);
    };
    EXPECT_TRUE(with("NumericLessThanEquals", 10));
    EXPECT_FALSE(with("NumericLessThanEquals", 11));
    EXPECT_TRUE(with("NumericGreaterThan", 11));
    EXPECT_FALSE(with("NumericGreaterThan", 10));
    EXPECT_TRUE(with("NumericGreaterThanEquals", 10));
    EXPECT_TRUE(with("NumericEquals", 10));
    EXPECT_FALSE(with("NumericNotEquals", 10));
    EXPECT_TRUE(with("NumericNotEquals", 9));
}

TEST(LockPolicy, HeedsEffectActionAndResource) {
    EXPECT_TRUE(
        denies(R"("Effect":"Deny","Action":["glacier:UploadArchive","glacier:Delete*"],"Resource":"*")"));
    EXPECT_FALSE(denies(R"("Effect":"Allow","Action":"glacier:DeleteArchive")"));
    EXPECT_FALSE(denies(R"("Effect":"Deny","Action":"glacier:UploadArchive")"));
    EXPECT_FALSE(denies(R"("Effect":"Deny","NotAction":"glacier:DeleteArchive")"));
    EXPECT_TRUE(denies(R"("Effect":"Deny","NotAction":"glacier:ListVaults")"));
    EXPECT_FALSE(denies(R"("Effect":"Deny","Action":"*","Resource":"arn:aws:glacier:*:*:vaults/other")"));
    EXPECT_TRUE(denies(R"("Effect":"Deny","Action":"*","Resource":"arn:aws:glacier:*:*:vaults/?")"));
}

TEST(LockPolicy, RefusesWhatItCannotHeed) {
    for (
        const char* rest : {
            R"("Effect":"Deny","Action":"*","Condition":{"StringEquals":{"glacier:ResourceTag/Hold":"yes"}})",
            R"("Effect":"Deny","Action":"*","Condition":{"NumericLessThan":{"glacier:ArchiveAgeInDays":"x"}})",
            R"("Effect":"Deny","Action":"*","Condition":{"NumericLessThan":{"a":"1"}})",
            R"("Effect":"Deny","Action":"*","Condition":{"NumericLessThan":5})",
            R"("Effect":"Deny","Action":"*","Condition":5)",
            R"("Effect":"Deny","Action":"*","NotResource":"*")",
            R"("Effect":"Deny","Action":5)",
            R"("Effect":"Deny","Action":"*","Resource":[5])",
            R"("Effect":"Deny")",
            R"("Effect":"Perhaps","Action":"*")",
        })
        EXPECT_THROW(LockPolicy::parse(statement(rest)), ApiError) << rest;
    for (const char* text : {"", "[]", "5", "{}", "{\"Statement\":5}", "{\"Statement\":[5]}", "{"})
        EXPECT_THROW(LockPolicy::parse(text), ApiError) << text;
}

TEST(LockPolicy, ConditionsOfAllowStatementsDoNotMatter) {
    EXPECT_FALSE(denies(R"("Effect":"Allow","Action":"*","Condition":{"StringEquals":{"a":"b"}})"));
}

}  // namespace
}  // namespace icecore::sim::glacier
