#include "engine/iam_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/json_document.h"

namespace icecore::engine {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::StartsWith;

TargetOptions bucket(const std::string& prefix) {
    TargetOptions target;
    target.type = TargetOptions::Type::s3;
    target.bucket = "ice";
    target.prefix = prefix;
    return target;
}

/// All actions and resources that a policy names.
struct Granted {
    std::set<std::string> actions;
    std::set<std::string> resources;
    std::set<std::string> names;
    explicit Granted(const std::string& policy) {
        Json json = parse_json(policy);
        EXPECT_EQ(json.at("Version"), "2012-10-17");
        for (const Json& statement : json.at("Statement")) {
            EXPECT_EQ(statement.at("Effect"), "Allow");
            EXPECT_TRUE(names.insert(statement.at("Sid").get<std::string>()).second);
            for (const Json& action : statement.at("Action")) actions.insert(action.get<std::string>());
            for (const Json& one : statement.at("Resource")) resources.insert(one.get<std::string>());
        }
    }
};

TEST(IamPolicy, WritingNeitherDeletesNorReadsArchives) {
    TargetOptions target = bucket("p");
    std::string text = iam_policy({{target, "attic", "home", ""}}, IamPurpose::write);
    Granted granted(text);
    for (const std::string& action : granted.actions) EXPECT_THAT(action, Not(StartsWith("s3:Delete")));
    EXPECT_THAT(granted.actions, Not(Contains("s3:RestoreObject")));
    EXPECT_THAT(granted.actions, Not(Contains("s3:PutObjectRetention")));
    for (const Json& statement : parse_json(text).at("Statement")) {
        const Json& actions = statement.at("Action");
        if (std::find(actions.begin(), actions.end(), "s3:GetObject") == actions.end()) continue;
        EXPECT_THAT(
            statement.at("Resource").get<std::vector<std::string>>(),
            ElementsAre("arn:aws:s3:::ice/p/attic/home/*.manifest.zst", "arn:aws:s3:::ice/p/attic/home/*.log",
                        "arn:aws:s3:::ice/p/attic/home/README.restore.txt"));
    }
    target.object_lock = TargetOptions::ObjectLock{};
    EXPECT_THAT(Granted(iam_policy({{target, "attic", "home", ""}}, IamPurpose::write)).actions,
                Contains("s3:PutObjectRetention"));
}

TEST(IamPolicy, ListingsAreOfThePrefix) {
    TargetOptions target = bucket("p");
    std::string write = iam_policy({{target, "attic", "home", ""}}, IamPurpose::write);
    EXPECT_THAT(write, ::testing::HasSubstr("\"p/attic/home/*\""));
    Json restore = parse_json(iam_policy({{target, "attic", "home", ""}}, IamPurpose::restore));
    EXPECT_EQ(restore.at("Statement").at(1).at("Condition").at("StringLike").at("s3:prefix").at(0), "p/*");
    Json everywhere = parse_json(iam_policy({{bucket(""), "attic", "home", ""}}, IamPurpose::restore));
    EXPECT_FALSE(everywhere.at("Statement").at(1).contains("Condition"));
}

TEST(IamPolicy, SeveralSetsAndBuckets) {
    TargetOptions one = bucket("p");
    TargetOptions other = bucket("");
    other.bucket = "fire";
    Granted granted(iam_policy(
        {{one, "attic", "home", ""}, {one, "attic", "photos", ""}, {other, "attic", "home", "cn-north-1"}},
        IamPurpose::write));
    EXPECT_THAT(granted.resources, Contains("arn:aws:s3:::ice/p/attic/photos/*"));
    EXPECT_THAT(granted.resources, Contains("arn:aws-cn:s3:::fire/attic/home/*"));
}

TEST(IamPolicy, KeysOfKms) {
    TargetOptions target = bucket("");
    target.sse = "aws:kms";
    target.kms_key = "1234-abcd";
    Granted granted(iam_policy({{target, "attic", "home", "eu-west-1"}}, IamPurpose::restore));
    EXPECT_THAT(granted.actions, Contains("kms:Decrypt"));
    EXPECT_THAT(granted.actions, Not(Contains("kms:GenerateDataKey")));
    EXPECT_THAT(granted.resources, Contains("arn:aws:kms:eu-west-1:*:key/1234-abcd"));
}

TEST(IamPolicy, Vaults) {
    TargetOptions target;
    target.type = TargetOptions::Type::glacier;
    target.vault = "v";
    Granted write(iam_policy({{target, "attic", "home", "eu-west-1"}}, IamPurpose::write));
    EXPECT_THAT(write.resources, ElementsAre("arn:aws:glacier:eu-west-1:*:vaults/v"));
    EXPECT_THAT(write.actions, Contains("glacier:CompleteMultipartUpload"));
    for (const char* action : {"glacier:DeleteArchive", "glacier:InitiateJob", "glacier:GetJobOutput"})
        EXPECT_THAT(write.actions, Not(Contains(action)));
    Granted restore(iam_policy({{target, "attic", "home", "eu-west-1"}}, IamPurpose::restore));
    EXPECT_THAT(restore.actions, Contains("glacier:GetJobOutput"));
    EXPECT_THAT(restore.actions, Not(Contains("glacier:UploadArchive")));
}

}  // namespace
}  // namespace icecore::engine
