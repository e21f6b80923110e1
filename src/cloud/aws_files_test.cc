#include "cloud/aws_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/test_dir.h"
#include "cloud/test_credentials.h"

namespace icecore::cloud {
namespace {

using Sections = std::map<std::string, AwsSection>;

TEST(AwsFileTest, ReadsSettings) {
    EXPECT_EQ(parse_aws_file("# comment\r\n"
                             "[default]\r\n"
                             "aws_access_key_id=A\r\n"
                             "AWS_Secret_Access_Key = a/b=c \r\n"
                             "\r\n"
                             "; comment\n"
                             "[ x ] rest\n"
                             "region: eu-north-1   # comment\n"
                             "role_arn = arn:aws:iam::1:role/r;x\n"
                             "credential_process = run 'a # b' # c\n"
                             "empty =\n",
                             "f"),
              (Sections{{"default", {{"aws_access_key_id", "A"}, {"aws_secret_access_key", "a/b=c"}}},
                        {"x",
                         {{"region", "eu-north-1"},
                          {"role_arn", "arn:aws:iam::1:role/r;x"},
                          {"credential_process", "run 'a # b' # c"},
                          {"empty", ""}}}}));
}

TEST(AwsFileTest, IndentedLinesGoOnOrAreNested) {
    EXPECT_EQ(
        parse_aws_file("[a]\n"
                       "s3 =\n"
                       "  max_concurrent_requests = 3\n"
                       "  region = nested\n"
                       "credential_process = run\n"
                       "\t--more\n"
                       "region = r\n"
                       "  [b]\n"
                       "  region = not seen\n"
                       "[c]\n"
                       "    region = indented\n"
                       "    output = json\n",
                       "f"),
        (Sections{
            {"a",
             {{"s3", ""}, {"credential_process", "run\n--more"}, {"region", "r\n[b]\nregion = not seen"}}},
            {"c", {{"region", "indented"}, {"output", "json"}}}}));
}

TEST(AwsFileTest, TheLaterCounts) {
    EXPECT_EQ(parse_aws_file("[a]\nregion = 1\nregion = 2\n[b]\n[a]\nregion = 3", "f"),
              (Sections{{"a", {{"region", "3"}}}, {"b", {}}}));
}

TEST(AwsFileTest, ErrorsNamePlaceButNotText) {
    for (const char* bad :
         {"secret = x", "[a]\nsecret", "[a\nsecret = x", "[a]\n= secret", "\xff\xfe[secret"}) {
        Error error = thrown_by([&] { parse_aws_file(bad, "/home/u/.aws/credentials"); });
        EXPECT_EQ(error.kind(), Error::Kind::invalid) << bad;
        EXPECT_THAT(error.message(), testing::ContainsRegex("^/home/u/.aws/credentials:[12]: ")) << bad;
        EXPECT_THAT(error.message(), testing::Not(testing::HasSubstr("secret"))) << bad;
    }
    EXPECT_EQ(parse_aws_file("", "f"), Sections{});
    EXPECT_EQ(parse_aws_file(std::string(1000, '\n'), "f"), Sections{});
}

struct AwsFilesTest : CredentialsFixture {
    TestDir dir;
    void write(const std::string& name, const std::string& text) { std::ofstream(dir.path(name)) << text; }
    AwsFiles files() { return AwsFiles(options().environment); }
};

TEST_F(AwsFilesTest, ProfilesAreNamedDifferentlyInTheTwo) {
    write("config",
          "[default]\nregion=d\n[profile x]\nregion=x\n[profile \"two words\"]\nregion=w\n"
          "[y]\nregion=no\n[sso-session z]\nregion=no\n[profile 'open]\n[profile]\n[profile a b]\n");
    write("credentials", "[x]\naws_access_key_id=A\n[profile p]\n[y]\naws_access_key_id=Y\n");
    variables["AWS_CONFIG_FILE"] = dir.path("config");
    variables["AWS_SHARED_CREDENTIALS_FILE"] = dir.path("credentials");
    AwsFiles read = files();
    EXPECT_THAT(read.names(), testing::ElementsAre("default", "profile p", "two words", "x", "y"));
    EXPECT_EQ(read.find("x")->config, (AwsSection{{"region", "x"}}));
    EXPECT_EQ(read.find("x")->credentials, (AwsSection{{"aws_access_key_id", "A"}}));
    EXPECT_EQ(read.find("y")->get("region"), "");
    EXPECT_EQ(read.find("nobody"), nullptr);
    EXPECT_EQ(read.where(), dir.path("config") + " and " + dir.path("credentials"));
}

TEST_F(AwsFilesTest, AreBelowHome) {
    ASSERT_EQ(std::system(("mkdir " + dir.path(".aws")).c_str()), 0);
    write(".aws/config", "[default]\nregion=d\n");
    write("mine", "[m]\n");
    variables = {{"HOME", dir.path()}, {"AWS_SHARED_CREDENTIALS_FILE", "~/mine"}};
    EXPECT_THAT(files().names(), testing::ElementsAre("default", "m"));
}

TEST_F(AwsFilesTest, WithoutHomeTheSystemKnowsIt) {
    variables = {};
    EXPECT_THAT(files().where(), testing::EndsWith("/.aws/credentials"));
}

TEST_F(AwsFilesTest, MissingOnesAreEmptyAndOddOnesTold) {
    variables["AWS_CONFIG_FILE"] = dir.path("absent");
    EXPECT_THAT(files().names(), testing::IsEmpty());
    variables["AWS_CONFIG_FILE"] = dir.path();
    EXPECT_THAT(thrown_by([&] { files(); }).message(), testing::HasSubstr(dir.path()));
    variables["AWS_CONFIG_FILE"] = "/dev/zero";
    EXPECT_THAT(thrown_by([&] { files(); }).message(), testing::HasSubstr("/dev/zero is longer than"));
}

}  // namespace
}  // namespace icecore::cloud
