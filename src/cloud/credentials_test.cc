#include "cloud/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/format.h"
#include "base/test_dir.h"
#include "cloud/test_credentials.h"

namespace icecore::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kMinute = 60;

/// The AWS files of a test, and a container whose service gives "A1", "A2", … that are good for an hour.
struct CredentialsTest : CredentialsFixture {
    TestDir dir;
    std::string profile;
    std::string service = "GET http://169.254.170.2/x";
    int given = 0;
    std::int64_t good_sec = 60 * kMinute;

    CredentialsTest() {
        variables["AWS_CONFIG_FILE"] = dir.path("config");
        variables["AWS_SHARED_CREDENTIALS_FILE"] = dir.path("credentials");
        variables["AWS_EC2_METADATA_DISABLED"] = "true";
    }
    void write(const std::string& name, const std::string& text) { std::ofstream(dir.path(name)) << text; }
    std::unique_ptr<CredentialsSource> chain() {
        CredentialsOptions all = options();
        all.profile = profile;
        return make_credentials_chain(std::move(all), clock);
    }
    std::string key() { return chain()->get().access_key_id; }
    Error failure() {
        return thrown_by([&] { chain()->get(); });
    }
    void in_container() {
        variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/x";
        services.answers[service] = [this](const HttpRequest&) {
            HttpResponse response;
            response.status = 200;
            std::string expires = format_iso_utc({clock.sec + good_sec, 0});
            response.body = credentials_json(format("A{}", ++given), R"(,"Expiration":")" + expires + "\"");
            return response;
        };
    }
};

TEST_F(CredentialsTest, NothingIsReadBeforeTheFirstGet) {
    variables.clear();
    CredentialsOptions all = options();
    all.environment = [](const std::string&) -> std::optional<std::string> {
        ADD_FAILURE() << "asked";
        return std::nullopt;
    };
    make_credentials_chain(std::move(all), clock);
    EXPECT_TRUE(services.clients.empty());
}

TEST_F(CredentialsTest, KeysOfTheEnvironmentMayExpire) {
    variables["AWS_ACCESS_KEY_ID"] = "A";
    variables["AWS_SECRET_ACCESS_KEY"] = "S";
    variables["AWS_SESSION_TOKEN"] = "T";
    variables["AWS_CREDENTIAL_EXPIRATION"] = format_iso_utc({clock.sec + 20 * kMinute, 0});
    auto source = chain();
    EXPECT_EQ(source->get().expires->sec, clock.sec + 20 * kMinute);
    clock.sec += 19 * kMinute;
    EXPECT_EQ(source->get().access_key_id, "A");
    clock.sec += 2 * kMinute;
    Error error = thrown_by([&] { source->get(); });
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr("the credentials of the environment expired at"));
    EXPECT_THAT(error.hint(), HasSubstr("renew them"));
    variables["AWS_CREDENTIAL_EXPIRATION"] = "soon";
    EXPECT_THAT(failure().message(), HasSubstr("AWS_CREDENTIAL_EXPIRATION is not a time"));
    variables["AWS_CREDENTIAL_EXPIRATION"] = "";
    EXPECT_FALSE(chain()->get().expires);
}

TEST_F(CredentialsTest, KeysOfTheEnvironmentAreKept) {
    variables["AWS_ACCESS_KEY_ID"] = "A";
    variables["AWS_SECRET_ACCESS_KEY"] = "S";
    variables["AWS_SESSION_TOKEN"] = "T";
    auto source = chain();
    Credentials got = source->get();
    EXPECT_EQ(got.secret_access_key, "S");
    EXPECT_EQ(got.session_token, "T");
    EXPECT_FALSE(got.expires);
    variables["AWS_ACCESS_KEY_ID"] = "B";
    clock.sec += 1'000'000'000;
    EXPECT_EQ(source->get().access_key_id, "A");
    source->forget();
    EXPECT_EQ(source->get().access_key_id, "B");
}

TEST_F(CredentialsTest, HalfAPairIsAnError) {
    variables["AWS_ACCESS_KEY_ID"] = "A";
    EXPECT_THAT(failure().message(), HasSubstr("AWS_SECRET_ACCESS_KEY is not"));
    variables.erase("AWS_ACCESS_KEY_ID");
    write("credentials", "[default]\naws_access_key_id = A\n");
    write("config", "[default]\naws_secret_access_key = other\n");
    EXPECT_THAT(failure().message(), HasSubstr("no aws_secret_access_key in the credentials file"));
}

TEST_F(CredentialsTest, TheTokenIsOfTheSameFileAsTheKeys) {
    write("credentials", "[default]\naws_access_key_id = A\naws_secret_access_key = S\n");
    write("config", "[default]\naws_session_token = old\n");
    EXPECT_EQ(chain()->get().session_token, "");
}

TEST_F(CredentialsTest, AProfileMustBeThere) {
    write("config", "[default]\nregion = x\n[profile b]\n");
    write("credentials", "[a]\n");
    variables["AWS_PROFILE"] = "c";
    Error error = failure();
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_EQ(error.message(), format("there is no AWS profile \"c\" in {} and {}", dir.path("config"),
                                      dir.path("credentials")));
    EXPECT_EQ(error.hint(), "there are: a, b, default");
    EXPECT_EQ(thrown_by([&] { configured_region(options()); }).message(), error.message());
    profile = "d";
    EXPECT_THAT(failure().message(), HasSubstr("\"d\""));
}

TEST_F(CredentialsTest, WhatNeedsAnotherProgramIsTold) {
    for (const char* setting :
         {"role_arn = arn:aws:iam::1:role/r\nsource_profile = default",
          "role_arn = arn:aws:iam::1:role/r\ncredential_source = Environment",
          "sso_session = s\nsso_account_id = 1\nsso_role_name = r", "login_session = x"}) {
        write("config",
              format("[profile p]\n{}\naws_access_key_id = A\naws_secret_access_key = S\n", setting));
        profile = "p";
        Error error = failure();
        EXPECT_EQ(error.kind(), Error::Kind::denied) << setting;
        EXPECT_THAT(error.message(), HasSubstr("AWS profile p needs the AWS command line"));
        EXPECT_THAT(
            error.hint(),
            HasSubstr("credential_process = aws configure export-credentials --profile p --format process"));
        write("credentials",
              "[p]\ncredential_process = echo "
              "'{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"s\"}'\n");
        EXPECT_EQ(key(), "P") << setting;
        write("credentials", "");
    }
}

TEST_F(CredentialsTest, TellsWhereItLooked) {
    Error error = failure();
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr(dir.path("config") + " and " + dir.path("credentials")));
    EXPECT_THAT(error.message(), HasSubstr("not in the environment"));
    EXPECT_THAT(error.hint(), HasSubstr("AWS_ACCESS_KEY_ID"));
}

TEST_F(CredentialsTest, KeysThatCouldEndALineAreRefused) {
    variables = {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}, {"AWS_SESSION_TOKEN", "T"}};
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
        for (const char* bad : {"evil\r\nX: y", "evil ", "evil\x80"}) {
            auto good = variables;
            variables[name] = bad;
            Error error = failure();
            EXPECT_EQ(error.kind(), Error::Kind::denied);
            EXPECT_THAT(error.message(), HasSubstr("of the environment holds"));
            EXPECT_THAT(error.message(), Not(HasSubstr("evil")));
            variables = good;
        }
    EXPECT_EQ(key(), "A");
}

TEST_F(CredentialsTest, FetchedAnewAQuarterOfAnHourBeforeTheirEnd) {
    in_container();
    auto source = chain();
    EXPECT_EQ(source->get().access_key_id, "A1");
    clock.sec += 45 * kMinute - 1;
    EXPECT_EQ(source->get().access_key_id, "A1");
    clock.sec += 1;
    EXPECT_EQ(source->get().access_key_id, "A2");
    EXPECT_EQ(source->get().access_key_id, "A2");
    source->forget();
    EXPECT_EQ(source->get().access_key_id, "A3");
}

TEST_F(CredentialsTest, OldOnesDoForWantOfNewUntilTenMinutesBeforeTheirEnd) {
    in_container();
    auto source = chain();
    source->get();
    services.answer(service, 403, "");
    clock.sec += 45 * kMinute;
    EXPECT_EQ(source->get().access_key_id, "A1");
    std::size_t asked = services.asked.size();
    clock.sec += kMinute - 1;
    EXPECT_EQ(source->get().access_key_id, "A1");
    EXPECT_EQ(services.asked.size(), asked) << "asked once a minute only";
    clock.sec += 1;
    EXPECT_EQ(source->get().access_key_id, "A1");
    EXPECT_EQ(services.asked.size(), asked + 1);
    clock.sec = 1'700'000'000 + 50 * kMinute;
    EXPECT_EQ(thrown_by([&] { source->get(); }).kind(), Error::Kind::denied);
    in_container();
    EXPECT_EQ(source->get().access_key_id, "A2");
}

TEST_F(CredentialsTest, ShortLivedOnesAreUsedAndAskedForOnceAMinute) {
    in_container();
    good_sec = 5 * kMinute;
    auto source = chain();
    EXPECT_EQ(source->get().access_key_id, "A1");
    EXPECT_EQ(source->get().access_key_id, "A1");
    clock.sec += kMinute;
    EXPECT_EQ(source->get().access_key_id, "A2");
}

TEST_F(CredentialsTest, ExpiredOnesAreAnError) {
    in_container();
    good_sec = 0;
    Error error = failure();
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_EQ(error.message(), "the credentials of the container's service expired at 2023-11-14T22:13:20Z");
    EXPECT_THAT(error.hint(), HasSubstr("clock"));
}

TEST_F(CredentialsTest, AnInstanceThatFallsSilentIsTransient) {
    std::string base = "http://169.254.169.254/latest/";
    std::string roles = "GET " + base + "meta-data/iam/security-credentials/";
    variables.erase("AWS_EC2_METADATA_DISABLED");
    services.answer("PUT " + base + "api/token", 200, "T");
    services.answer(roles, 200, "r");
    std::string expires = format_iso_utc({clock.sec + 60 * kMinute, 0});
    services.answer(roles + "r", 200, credentials_json("I", R"(,"Expiration":")" + expires + "\""));
    auto source = chain();
    EXPECT_EQ(source->get().access_key_id, "I");
    auto answers = std::exchange(services.answers, {});
    clock.sec += 59 * kMinute;
    EXPECT_EQ(thrown_by([&] { source->get(); }).kind(), Error::Kind::transient);
    services.answers = answers;
    clock.sec += 2 * kMinute;  // it gives expired ones: good all the same, it says
    EXPECT_EQ(source->get().access_key_id, "I");
}

TEST_F(CredentialsTest, ThreadsShareOneFetch) {
    in_container();
    auto source = chain();
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 100; ++n) EXPECT_EQ(source->get().access_key_id, "A1");
        });
    threads.clear();
    EXPECT_EQ(given, 1);
}

TEST_F(CredentialsTest, RegionOfEnvironmentOrProfile) {
    write("config", "[default]\nregion = d\n[profile p]\nregion = p\n");
    EXPECT_EQ(configured_region(options()), "d");
    variables["AWS_DEFAULT_PROFILE"] = "p";
    EXPECT_EQ(configured_region(options()), "p");
    variables["AWS_PROFILE"] = "default";
    EXPECT_EQ(configured_region(options()), "d");
    CredentialsOptions chosen = options();
    chosen.profile = "p";
    EXPECT_EQ(configured_region(chosen), "p");
    variables["AWS_DEFAULT_REGION"] = "1";
    EXPECT_EQ(configured_region(chosen), "1");
    variables["AWS_REGION"] = "2";
    EXPECT_EQ(configured_region(chosen), "2");
    variables = {{"HOME", "/nonexistent"}};
    EXPECT_EQ(configured_region(options()), "");
}

}  // namespace
}  // namespace icecore::cloud
