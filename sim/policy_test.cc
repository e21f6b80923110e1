#include "sim/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "sim/access.h"

namespace icecore::sim {
namespace {

using Verdict = Policy::Verdict;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kUser = "arn:aws:iam::123456789012:user/AKID";

Policy identity(const std::string& statements) {
    return Policy::parse(R"({"Version":"2012-10-17","Statement":[)" + statements + "]}",
                         Policy::Kind::identity);
}

PolicyRequest put(const std::string& key, std::map<std::string, std::string> context = {}) {
    return {kUser, "s3:PutObject", "arn:aws:s3:::bucket/" + key, std::move(context)};
}

Verdict with_condition(const std::string& condition, std::map<std::string, std::string> context) {
    return identity(R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":)" + condition + "}")
        .decide(put("k", std::move(context)));
}

TEST(Policy, AllowsActionsOnResources) {
    Policy policy = identity(
        R"({"Sid":"x","Effect":"Allow","Action":["s3:PutObject","s3:Get*"],"Resource":"arn:aws:s3:::bucket/prefix/*"})");
    EXPECT_EQ(policy.decide(put("prefix/a")), Verdict::allowed);
    EXPECT_EQ(policy.decide(put("other/a")), Verdict::silent);
    EXPECT_EQ(policy.decide({kUser, "s3:getobject", "arn:aws:s3:::bucket/prefix/b"}), Verdict::allowed);
    EXPECT_EQ(policy.decide({kUser, "s3:DeleteObject", "arn:aws:s3:::bucket/prefix/b"}), Verdict::silent);
    EXPECT_EQ(policy.decide({kUser, "s3:PutObject", "arn:aws:s3:::bucket"}), Verdict::silent);
}

TEST(Policy, DeniesFirst) {
    std::string allow = R"({"Effect":"Allow","Action":"*","Resource":"*"})";
    std::string deny =
        R"({"Effect":"Deny","NotAction":"s3:Put*","NotResource":"arn:aws:s3:::bucket/free/*"})";
    for (const std::string& both : {allow + "," + deny, deny + "," + allow}) {
        Policy policy = identity(both);
        EXPECT_EQ(policy.decide(put("k")), Verdict::allowed);
        EXPECT_EQ(policy.decide({kUser, "s3:GetObject", "arn:aws:s3:::bucket/k"}), Verdict::denied);
        EXPECT_EQ(policy.decide({kUser, "s3:GetObject", "arn:aws:s3:::bucket/free/k"}), Verdict::allowed);
    }
}

TEST(Policy, HeedsConditions) {
    struct Case {
        const char* condition;
        std::map<std::string, std::string> context;
        bool holds;
    };
    const std::map<std::string, std::string> none;
    const std::map<std::string, std::string> prefix = {{"s3:prefix", "home/a"}};
    const std::map<std::string, std::string> days = {{"s3:object-lock-remaining-retention-days", "30"}};
    for (const Case& c : {
             Case{R"({"StringLike":{"s3:prefix":["x","home/*"]}})", prefix, true},
             Case{R"({"StringLike":{"s3:prefix":"x*"}})", prefix, false},
             Case{R"({"StringLike":{"s3:prefix":"home/*"}})", none, false},
             Case{R"({"StringLikeIfExists":{"s3:prefix":"home/*"}})", none, true},
             Case{R"({"StringEquals":{"S3:Prefix":"home/a"}})", prefix, true},
             Case{R"({"StringEquals":{"s3:prefix":"home/*"}})", prefix, false},
             Case{R"({"StringNotEquals":{"s3:prefix":["home/a","b"]}})", prefix, false},
             Case{R"({"StringNotEquals":{"s3:prefix":"b"}})", prefix, true},
             Case{R"({"StringNotEquals":{"s3:prefix":"b"}})", none, true},
             Case{R"({"Null":{"s3:prefix":"true"}})", none, true},
             Case{R"({"Null":{"s3:prefix":"false"}})", none, false},
             Case{R"({"Null":{"s3:prefix":"false"}})", prefix, true},
             Case{R"({"NumericLessThan":{"s3:object-lock-remaining-retention-days":"31"}})", days, true},
             Case{R"({"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":30}})", days, false},
             Case{R"({"NumericGreaterThanEquals":{"s3:object-lock-remaining-retention-days":30}})", days,
                  true},
             Case{R"({"NumericNotEquals":{"s3:object-lock-remaining-retention-days":30}})", days, false},
             Case{R"({"Bool":{"aws:SecureTransport":false}})", {{"aws:securetransport", "false"}}, true},
             Case{R"({"DateLessThan":{"s3:object-lock-retain-until-date":"2027-01-02"}})",
                  {{"s3:object-lock-retain-until-date", "2027-01-01T00:00:00Z"}},
                  true},
             Case{R"({"DateLessThan":{"s3:object-lock-retain-until-date":"2027-01-01T00:00:00Z"}})",
                  {{"s3:object-lock-retain-until-date", "2027-01-01T00:00:00Z"}},
                  false},
             Case{R"({"StringLike":{"s3:prefix":"home/*"},"StringNotLike":{"s3:prefix":"*/a"}})", prefix,
                  false},
         })
        EXPECT_EQ(with_condition(c.condition, c.context) == Verdict::allowed, c.holds) << c.condition;
}

TEST(Policy, OfAResourceSaysForWhom) {
    auto decide = [](const std::string& principal) {
        return Policy::parse(R"({"Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*","Principal":)" +
                                 principal + "}}",
                             Policy::Kind::resource)
            .decide(put("k"));
    };
    EXPECT_EQ(decide(R"("*")"), Verdict::denied);
    EXPECT_EQ(decide(R"({"AWS":"*"})"), Verdict::denied);
    EXPECT_EQ(decide(R"({"AWS":["123456789012"]})"), Verdict::denied);
    EXPECT_EQ(decide(R"({"AWS":"arn:aws:iam::123456789012:root"})"), Verdict::denied);
    EXPECT_EQ(decide(R"({"AWS":"arn:aws:iam::123456789012:user/AKID"})"), Verdict::denied);
    EXPECT_EQ(decide(R"({"AWS":"arn:aws:iam::123456789012:user/OTHER"})"), Verdict::silent);
    EXPECT_EQ(decide(R"({"AWS":"210987654321"})"), Verdict::silent);
}

TEST(Policy, RefusesWhatItCannotHeed) {
    std::string good = R"("Effect":"Allow","Action":"s3:*","Resource":"*")";
    EXPECT_NO_THROW(identity("{" + good + "}"));
    for (const std::string& statement : std::vector<std::string>{
             good + R"(,"Principal":"*")",
             good + R"(,"Extra":1)",
             good + R"(,"NotAction":"s3:*")",
             good + R"(,"NotResource":"*")",
             good + R"(,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
             good + R"(,"Condition":{"StringEquals":{"aws:RequestTag/x":"y"}})",
             good + R"(,"Condition":{"NumericLessThan":{"s3:max-keys":"many"}})",
             good + R"(,"Condition":{"DateLessThan":{"s3:object-lock-retain-until-date":"soon"}})",
             good + R"(,"Condition":{"Null":{"s3:prefix":"perhaps"}})",
             good + R"(,"Condition":5)",
             R"("Effect":"Maybe","Action":"s3:*","Resource":"*")",
             R"("Action":"s3:*","Resource":"*")",
             R"("Effect":"Allow","Resource":"*")",
             R"("Effect":"Allow","Action":"s3:*")",
             R"("Effect":"Allow","Action":"PutObject","Resource":"*")",
             R"("Effect":"Allow","Action":"s3:*","Resource":"bucket/*")",
             R"("Effect":"Allow","Action":[],"Resource":"*")",
         })
        EXPECT_THROW(identity("{" + statement + "}"), Error) << statement;
    for (const char* text : {"", "{", "[]", "{}", R"({"Statement":5})",
                             R"({"Version":"2020","Statement":[]})", R"({"Statement":[],"x":1})"})
        EXPECT_THROW(Policy::parse(text, Policy::Kind::identity), Error) << text;
    EXPECT_THROW(Policy::parse("{\"Statement\":[{" + good + "}]}", Policy::Kind::resource), Error);
}

TEST(Access, WhoHasNoPolicyMayDoAll) {
    Access access("123456789012");
    EXPECT_THAT(access.refusal("AKID", put("k")), IsEmpty());
    Policy deny =
        Policy::parse(R"({"Statement":{"Effect":"Deny","Action":"s3:Put*","Resource":"*","Principal":"*"}})",
                      Policy::Kind::resource);
    EXPECT_THAT(access.refusal("AKID", put("k"), &deny), HasSubstr("explicit deny in a resource-based"));
}

TEST(Access, OfAPolicySaysWhatIsMissing) {
    Access access("123456789012");
    access.restrict("AKID", identity(R"({"Effect":"Allow","Action":"s3:GetObject","Resource":"*"},
                                        {"Effect":"Deny","Action":"s3:Delete*","Resource":"*"})"));
    EXPECT_TRUE(access.allows("AKID", {"", "s3:GetObject", "arn:aws:s3:::b/k"}));
    EXPECT_TRUE(access.allows("OTHER", put("k")));
    EXPECT_EQ(access.refusal("AKID", put("k")),
              "User: arn:aws:iam::123456789012:user/AKID is not authorized to perform: s3:PutObject on "
              "resource: \"arn:aws:s3:::bucket/k\" because no identity-based policy allows the s3:PutObject "
              "action");
    EXPECT_THAT(access.refusal("AKID", {"", "s3:DeleteObject", "arn:aws:s3:::b/k"}),
                HasSubstr("with an explicit deny in an identity-based policy"));
    Policy allow =
        Policy::parse(R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}})",
                      Policy::Kind::resource);
    EXPECT_TRUE(access.allows("AKID", put("k"), &allow));
    EXPECT_FALSE(access.allows("AKID", {"", "s3:DeleteObject", "arn:aws:s3:::b/k"}, &allow));
}

}  // namespace
}  // namespace icecore::sim
