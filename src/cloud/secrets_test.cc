#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/aws_client.h"
#include "cloud/test_credentials.h"
#include "cloud/test_server.h"

// What a service says may hold what we sent it. None of it gets into messages.

namespace icecore::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

/// What a client with known secrets says of a service that answers with the request it got.
Error refusal(const AwsClient::ParseError& parse_error) {
    ScriptedServer server([](Connection& connection) {
        WireRequest request;
        if (connection.read_request(request)) connection.respond(403, request.head);
    });
    HandClock clock;
    AwsOptions options;
    options.endpoint = server.url();
    options.scope = {"us-east-1", "glacier"};
    options.credentials =
        make_static_credentials({"AKIDHIDDEN", "SECRETHIDDEN", "TOKENTOKENTOKENHIDDEN", {}});
    options.clock = &clock;
    options.http.use_proxy = false;
    options.sleep_ns = [](std::int64_t) {};
    options.random = [] { return 0.5; };
    AwsClient client(options, parse_error);
    AwsRequest request;
    request.method = "GET";
    request.path = "/-/vaults";
    return thrown_by([&] { client.call(request); });
}

TEST(SecretsTest, ARefusalQuotesNothingThatWasSent) {
    for (const char* code : {"InvalidSignatureException", "AccessDeniedException", ""}) {
        std::string echoed;
        Error error = refusal([&](const HttpResponse& response) {
            echoed = response.body;
            return ErrorReply{code, "The string to sign should have been\n" + response.body};
        });
        ASSERT_THAT(echoed, HasSubstr("TOKENHIDDEN")) << code;
        EXPECT_EQ(error.kind(), Error::Kind::denied) << code;
        for (const std::string& text : {error.message(), error.hint()}) {
            EXPECT_THAT(text, Not(HasSubstr("HIDDEN"))) << code;
            EXPECT_THAT(text, Not(HasSubstr("\n"))) << code;
        }
    }
}

TEST(SecretsTest, AUrlWithAPasswordIsNotQuoted) {
    for (const char* url : {"https://user:hunter2@host/", "https://host/a b?hunter2", "hunter2@host"}) {
        Error error = thrown_by([&] { parse_url(url); });
        EXPECT_EQ(error.kind(), Error::Kind::invalid);
        EXPECT_THAT(error.message(), Not(HasSubstr("hunter2"))) << url;
    }
}

}  // namespace
}  // namespace icecore::cloud
