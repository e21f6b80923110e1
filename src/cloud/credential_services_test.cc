#include "cloud/credential_services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/format.h"
#include "base/test_dir.h"
#include "cloud/credential_reply.h"
#include "cloud/test_credentials.h"

namespace icecore::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string sts_reply(const std::string& inside) {
    return R"(<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">)"
           "<AssumeRoleWithWebIdentityResult><Credentials>" +
           inside + "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
}
const std::string kStsKeys =
    "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>"
    "<Expiration>2026-11-22T03:15:00Z</Expiration>";

struct WebIdentityTest : CredentialsFixture {
    TestDir dir;
    WebIdentity identity{dir.path("token"), "arn:aws:iam::1:role/r", ""};
    WebIdentityTest() { std::ofstream(dir.path("token")) << "ey.J+/=\n"; }
    Error failure(int status, const std::string& body) {
        services.answer("POST https://sts.amazonaws.com/", status, body);
        return thrown_by([&] { assume_web_identity(options(), identity, ""); });
    }
};

TEST_F(WebIdentityTest, AsksStsWithoutASignature) {
    services.answer("POST https://sts.eu-north-1.amazonaws.com/", 200, sts_reply(kStsKeys));
    Credentials got = assume_web_identity(options(), identity, "eu-north-1");
    EXPECT_EQ(got.access_key_id, "A");
    EXPECT_EQ(got.secret_access_key, "S");
    EXPECT_EQ(got.session_token, "T");
    EXPECT_EQ(got.expires, parse_utc("2026-11-22T03:15:00Z"));
    EXPECT_EQ(services.asked.at(0).body,
              "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"
              "RoleSessionName=icecore&WebIdentityToken=ey.J%2B%2F%3D");
    EXPECT_EQ(header_of(services.asked[0], "Authorization"), "(none)");
    EXPECT_TRUE(services.clients.at(0).use_proxy);
}

TEST_F(WebIdentityTest, KnowsItsEndpoints) {
    services.answer("POST https://sts.cn-north-1.amazonaws.com.cn/", 200, sts_reply(kStsKeys));
    assume_web_identity(options(), identity, "cn-north-1");
    services.answer("POST https://sts.example/", 200, sts_reply(kStsKeys));
    variables["AWS_ENDPOINT_URL_STS"] = "https://sts.example/";
    assume_web_identity(options(), identity, "cn-north-1");
}

TEST_F(WebIdentityTest, RefusalsAreTold) {
    auto error_reply = [](const std::string& code) {
        return "<ErrorResponse><Error><Code>" + code +
               "</Code><Message>it is\nso</Message></Error></ErrorResponse>";
    };
    Error error = failure(400, error_reply("InvalidIdentityToken"));
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_THAT(error.message(),
                HasSubstr("arn:aws:iam::1:role/r (status 400): InvalidIdentityToken: it is so"));
    EXPECT_EQ(failure(400, error_reply("IDPCommunicationError")).kind(), Error::Kind::transient);
    EXPECT_EQ(failure(503, "<html>busy").kind(), Error::Kind::transient);
    EXPECT_EQ(failure(403, "<html>").kind(), Error::Kind::denied);
    services.answers.clear();
    EXPECT_EQ(thrown_by([&] { assume_web_identity(options(), identity, ""); }).kind(),
              Error::Kind::transient);
}

/// Entities that multiply, depth, length, other things: an Error each, soon.
TEST_F(WebIdentityTest, HostileAnswers) {
    std::string entities = R"(<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>)";
    std::string deep;
    for (int i = 0; i < 20'000; ++i) deep += "<a>";
    for (const std::string& body :
         {std::string(), std::string("<"), std::string("{}"), std::string("\0\0<a/>", 6), deep,
          sts_reply("<AccessKeyId>A</AccessKeyId>"), sts_reply("<Expiration>never</Expiration>"),
          std::string(1 << 20, 'x'), sts_reply(kStsKeys + std::string(1 << 20, ' ')),
          entities + sts_reply("<AccessKeyId>&b;</AccessKeyId>")}) {
        Error error = failure(200, body);
        EXPECT_EQ(error.kind(), Error::Kind::denied) << body.substr(0, 80);
        EXPECT_THAT(error.message(), HasSubstr("holds no credentials"));
    }
}

TEST_F(WebIdentityTest, TheTokenMustBeReadable) {
    identity.token_file = dir.path("absent");
    EXPECT_THAT(thrown_by([&] { assume_web_identity(options(), identity, ""); }).message(),
                HasSubstr("the web identity token cannot be read: opening " + dir.path("absent")));
    identity.token_file = "/dev/zero";
    EXPECT_EQ(thrown_by([&] { assume_web_identity(options(), identity, ""); }).kind(), Error::Kind::denied);
    EXPECT_TRUE(services.asked.empty());
}

struct ContainerTest : CredentialsFixture {
    TestDir dir;
};

TEST_F(ContainerTest, IsNoneUnlessTheEnvironmentSaysSo) {
    EXPECT_FALSE(container_credentials(options()));
    EXPECT_TRUE(services.clients.empty());
}

TEST_F(ContainerTest, TakesWhatTheAgentGives) {
    variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x?id=1";
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "https://not.this/";
    services.answer("GET http://169.254.170.2/v2/x?id=1", 200,
                    credentials_json("A", R"(,"Expiration":"2026-11-22T03:15:00Z")"));
    auto got = container_credentials(options());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->access_key_id, "A");
    EXPECT_EQ(got->session_token, "the-token");
    EXPECT_EQ(got->expires, parse_utc("2026-11-22T03:15:00Z"));
    EXPECT_EQ(header_of(services.asked.at(0), "Authorization"), "(none)");
    EXPECT_FALSE(services.clients.at(0).use_proxy);
    EXPECT_EQ(services.clients[0].connect_timeout_ms, 2000);
}

TEST_F(ContainerTest, ProvesItselfWithTheTokenOfTheFileEachTime) {
    std::string url = "http://169.254.170.23/v1/credentials";
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "of-the-environment";
    services.answer("GET " + url, 200, credentials_json("A"));
    container_credentials(options());
    variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = dir.path("token");
    std::ofstream(dir.path("token")) << "Bearer 1\n";
    container_credentials(options());
    std::ofstream(dir.path("token")) << "Bearer 2";
    container_credentials(options());
    std::vector<std::string> sent;
    for (const HttpRequest& request : services.asked) sent.push_back(header_of(request, "Authorization"));
    EXPECT_THAT(sent, testing::ElementsAre("of-the-environment", "Bearer 1", "Bearer 2"));
    for (const char* bad : {"a\nX-Evil: 1", "a\rb", "\x80"}) {
        std::ofstream(dir.path("token")) << bad;
        Error error = thrown_by([&] { container_credentials(options()); });
        EXPECT_EQ(error.kind(), Error::Kind::denied);
        EXPECT_THAT(error.message(), Not(HasSubstr("Evil")));
    }
    variables.erase("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "a\nX-Evil: 1";
    EXPECT_EQ(thrown_by([&] { container_credentials(options()); }).kind(), Error::Kind::denied);
    EXPECT_EQ(services.asked.size(), 3U);
}

TEST_F(ContainerTest, OnlyCertainHostsAreAskedWithoutTls) {
    for (const char* good :
         {"http://localhost/x", "http://localhost:81/x", "http://127.0.0.1:8080/x", "http://127.9.9.9/x",
          "http://[::1]:81/x", "http://[::1]/x", "http://169.254.170.2/x", "http://169.254.170.23/x",
          "http://[fd00:ec2::23]/x", "https://credentials.example/x"}) {
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = good;
        services.answer(std::string("GET ") + good, 200, credentials_json("A"));
        EXPECT_TRUE(container_credentials(options())) << good;
    }
    services.asked.clear();
    for (const char* bad : {"http://credentials.example/x", "http://127.evil.example/x",
                            "http://169.254.170.3/x", "http://169.254.169.254/x",
                            "http://localhost.evil.example/", "http://[::2]/x", "http://10.0.0.1/"}) {
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = bad;
        Error error = thrown_by([&] { container_credentials(options()); });
        EXPECT_EQ(error.kind(), Error::Kind::denied) << bad;
        EXPECT_THAT(error.hint(), HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    }
    for (const char* bad : {"ftp://localhost/", "http://user:hunter2@localhost/", "localhost/x"}) {
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = bad;
        Error error = thrown_by([&] { container_credentials(options()); });
        EXPECT_EQ(error.kind(), Error::Kind::invalid) << bad;
        EXPECT_THAT(error.message(), Not(HasSubstr("hunter2")));
    }
    variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = ".evil.example/x";
    EXPECT_EQ(thrown_by([&] { container_credentials(options()); }).kind(), Error::Kind::denied);
    EXPECT_TRUE(services.asked.empty());
}

TEST_F(ContainerTest, IsAskedThreeTimes) {
    variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/x";
    std::string what = "GET http://169.254.170.2/x";
    EXPECT_EQ(thrown_by([&] { container_credentials(options()); }).kind(), Error::Kind::transient);
    EXPECT_EQ(services.asked.size(), 3U);
    services.answers[what] = [this](const HttpRequest&) {
        HttpResponse response;
        response.status = services.asked.size() < 6 ? 500 : 200;
        response.body = credentials_json("A");
        return response;
    };
    EXPECT_TRUE(container_credentials(options()));
    EXPECT_EQ(services.asked.size(), 6U);
    services.answer(what, 403, "no");
    EXPECT_EQ(thrown_by([&] { container_credentials(options()); }).kind(), Error::Kind::denied);
    EXPECT_EQ(services.asked.size(), 7U);
}

struct InstanceTest : CredentialsFixture {
    std::string base = "http://169.254.169.254/latest/";
    std::string roles = "GET " + base + "meta-data/iam/security-credentials/";
    InstanceTest() {
        services.answer("PUT " + base + "api/token", 200, "TOKEN==");
        services.answer(roles, 200, "my role\n");
        services.answer(roles + "my%20role", 200,
                        credentials_json("I", R"(,"Expiration":"2026-11-22T03:15:00Z")"));
    }
};

TEST_F(InstanceTest, AsksWithAToken) {
    auto got = instance_credentials(options());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->access_key_id, "I");
    EXPECT_EQ(header_of(services.asked.at(0), "X-aws-ec2-metadata-token-ttl-seconds"), "21600");
    EXPECT_EQ(header_of(services.asked.at(1), "X-aws-ec2-metadata-token"), "TOKEN==");
    EXPECT_EQ(header_of(services.asked.at(2), "X-aws-ec2-metadata-token"), "TOKEN==");
    EXPECT_FALSE(services.clients.at(0).use_proxy);
    EXPECT_EQ(services.clients[0].connect_timeout_ms, 1000);
    EXPECT_EQ(services.clients[0].stall_timeout_ms, 1000);
}

TEST_F(InstanceTest, CanBeElsewhere) {
    variables["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"] = "IPv6";
    EXPECT_FALSE(instance_credentials(options()));
    EXPECT_EQ(services.asked.at(0).url, "http://[fd00:ec2::254]/latest/api/token");
    variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://169.254.169.254/";
    EXPECT_TRUE(instance_credentials(options()));
}

TEST_F(InstanceTest, CanBeSwitchedOff) {
    variables["AWS_EC2_METADATA_DISABLED"] = "True";
    EXPECT_FALSE(instance_credentials(options()));
    EXPECT_TRUE(services.asked.empty());
    variables["AWS_EC2_METADATA_DISABLED"] = "false";
    EXPECT_TRUE(instance_credentials(options()));
}

TEST_F(InstanceTest, IsNoneWhereNothingAnswersOrThereIsNoRole) {
    services.answer(roles, 404, "");
    EXPECT_FALSE(instance_credentials(options()));
    services.answer("PUT " + base + "api/token", 403, "");
    EXPECT_FALSE(instance_credentials(options()));
    services.answers.clear();
    EXPECT_FALSE(instance_credentials(options()));
}

TEST_F(InstanceTest, OddAnswersAreTold) {
    auto failure = [&] { return thrown_by([&] { instance_credentials(options()); }); };
    services.answer(roles + "my%20role", 200,
                    R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot\nassume"})");
    EXPECT_THAT(failure().message(), HasSubstr("AssumeRoleUnauthorizedAccess: EC2 cannot assume"));
    services.answer(roles + "my%20role", 500, "");
    EXPECT_EQ(failure().kind(), Error::Kind::transient);
    services.answer(roles + "my%20role", 401, "");
    EXPECT_EQ(failure().kind(), Error::Kind::denied);
    services.answer(roles, 200, "\n");
    EXPECT_THAT(failure().message(), HasSubstr("names no role"));
    services.answer(roles, 200, std::string(100'000, 'r'));
    EXPECT_THAT(failure().message(), HasSubstr("names no role"));
    services.answer("PUT " + base + "api/token", 200, "a\r\nX-Evil: 1");
    EXPECT_EQ(failure().kind(), Error::Kind::denied);
}

TEST(CredentialReplyTest, HostileJsonIsAnError) {
    for (const std::string& text :
         {std::string(), std::string("null"), std::string("[]"), std::string("{"), std::string(60'000, '['),
          credentials_json("A") + "x", credentials_json(""), std::string(R"({"AccessKeyId":["x"]})"),
          credentials_json(std::string(1 << 20, 'A')), std::string("{\"AccessKeyId\":\"\xff\"}")}) {
        Error error = thrown_by([&] { parse_credentials_json(text, "x"); });
        EXPECT_EQ(error.kind(), Error::Kind::denied) << text.substr(0, 80);
        EXPECT_THAT(error.message(), HasSubstr("the credentials of x cannot be used"));
        EXPECT_THAT(error.message(), Not(HasSubstr("the-secret")));
    }
}

TEST(CredentialReplyTest, TimesHaveManyForms) {
    auto expires = [](const std::string& text) {
        return parse_credentials_json(credentials_json("A", R"(,"Expiration":")" + text + "\""), "x").expires;
    };
    auto expected = parse_utc("2026-11-22T03:15:00Z");
    EXPECT_EQ(expires("2026-11-22T03:15:00Z"), expected);
    EXPECT_EQ(expires("2026-11-22T03:15:00+00:00"), expected);
    EXPECT_EQ(expires("2026-11-21T19:45:00-07:30"), expected);
    EXPECT_EQ(expires("2026-11-22T03:15:00.000000+00:00"), expected);
}

}  // namespace
}  // namespace icecore::cloud
