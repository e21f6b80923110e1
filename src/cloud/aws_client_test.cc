#include "cloud/aws_client.h"

#include <gmock/gmock.h>

#include <deque>
#include <numeric>

#include "base/hash.h"
#include "base/json_document.h"
#include "cloud/test_server.h"

namespace icecore::cloud {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Kind = Error::Kind;

class FixedClock final : public Clock {
  public:
    Timestamp now() const override { return *parse_utc("20261122T031500Z"); }
    std::int64_t monotonic_ns() const override { return 0; }
};

/// Hands out "KEY0", and after each forget() the next number.
class CountingCredentials final : public CredentialsSource {
  public:
    Credentials get() override {
        if (failures > 0) {
            --failures;
            throw Error(Kind::transient, "the credential service sleeps");
        }
        return {format("KEY{}", forgotten), "the-secret", "the-token", {}};
    }
    void forget() override { ++forgotten; }
    int forgotten = 0;
    int failures = 0;
};

ErrorReply parse_glacier_error(const HttpResponse& response) {
    Json json = parse_json(response.body);
    return {json.value("code", ""), json.value("message", "")};
}

/// A service that answers request after request what the test has queued.
class AwsClientTest : public ::testing::Test {
  protected:
    void will_say(int status, const std::string& code, const std::string& message,
                  const std::string& headers = "") {
        std::string body = format(R"({{"code":"{}","message":"{}","type":"Client"}})", code, message);
        will_answer(status, body, "Content-Type: application/json\r\nx-amzn-RequestId: REQ-7\r\n" + headers);
    }
    void will_answer(int status, const std::string& body, const std::string& headers = "") {
        will_send(
            format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body));
    }
    /// Empty: hangs up.
    void will_send(std::string bytes) {
        std::lock_guard lock(mutex_);
        answers_.push_back(std::move(bytes));
    }

    AwsClient client() {
        AwsOptions options;
        options.endpoint = server_.url();
        options.scope = {"us-east-1", "glacier"};
        options.credentials = credentials_;
        options.clock = &clock_;
        options.http.use_proxy = false;
        options.http.cancelled = cancelled_;
        options.attempts_max = 4;
        options.backoff.first_delay_ms = 100;
        options.backoff.delay_ms_max = 300;
        options.sleep_ns = [this](std::int64_t ns) { slept_ms_.push_back(ns / 1'000'000); };
        options.random = [] { return 0.5; };
        options.on_retry = [this](std::string_view message, unsigned attempt) {
            retries_.push_back(format("{}: {}", attempt, message));
        };
        return AwsClient(options, parse_glacier_error);
    }
    static AwsRequest request() {
        AwsRequest request;
        request.method = "GET";
        request.path = "/-/vaults/photos";
        request.doing = "describing vault photos";
        return request;
    }
    /// The error that a service's answer to a single try comes to.
    ServiceError error_of_call() {
        AwsClient aws = client();
        try {
            aws.call(request());
        } catch (const ServiceError& error) {
            EXPECT_THAT(error.message(), StartsWith("describing vault photos: "));
            return error;
        }
        ADD_FAILURE() << "no ServiceError";
        return {Kind::io, 0, "", "", ""};
    }

    void serve(Connection& peer) {
        WireRequest request;
        while (peer.read_request(request)) {
            std::unique_lock lock(mutex_);
            if (answers_.empty()) return;
            std::string answer = answers_.front();
            answers_.pop_front();
            lock.unlock();
            if (answer.empty()) return;
            peer.send(answer);
            if (answer.find("Content-Length: 999\r\n") != std::string::npos) return;
        }
    }

    std::mutex mutex_;
    std::deque<std::string> answers_;
    FixedClock clock_;
    std::shared_ptr<CountingCredentials> credentials_ = std::make_shared<CountingCredentials>();
    std::function<bool()> cancelled_;
    std::vector<std::int64_t> slept_ms_;
    std::vector<std::string> retries_;
    ScriptedServer server_{[this](Connection& peer) { serve(peer); }};
};

TEST_F(AwsClientTest, SignsWhatItSends) {
    will_answer(200, "{}");
    AwsClient aws = client();
    AwsRequest request;
    request.method = "POST";
    request.path = "/-/vaults/photos/jobs";
    request.query = "limit=1&marker=a%2Fb";
    request.headers = {{"x-amz-glacier-version", "2012-06-01"}};
    request.body = R"({"Type":"inventory-retrieval"})";
    HttpResponse response = aws.call(request);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "{}");

    WireRequest seen = server_.requests().at(0);
    std::string hash = sha256(request.body).hex();
    EXPECT_EQ(seen.line(), "POST /-/vaults/photos/jobs?limit=1&marker=a%2Fb HTTP/1.1");
    EXPECT_EQ(seen.body, request.body);
    EXPECT_EQ(seen.header("x-amz-content-sha256"), hash);
    EXPECT_EQ(seen.header("x-amz-date"), "20261122T031500Z");
    EXPECT_EQ(seen.header("x-amz-security-token"), "the-token");
    SignedRequest signed_request{request.method, request.path, request.query, request.headers, hash};
    for (const char* name : {"x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})
        signed_request.headers.push_back({name, seen.header(name)});
    signed_request.headers.push_back({"host", seen.header("Host")});
    EXPECT_THAT(
        seen.header("Authorization"),
        HasSubstr("Signature=" + signature(canonical_request(signed_request, "glacier"), "20261122T031500Z",
                                           {"us-east-1", "glacier"}, "the-secret")));
}

TEST_F(AwsClientTest, EmptyBodiesAreHashedToo) {
    will_answer(204, "");
    AwsClient aws = client();
    aws.call(request());
    EXPECT_EQ(server_.requests().at(0).header("x-amz-content-sha256"), sha256("").hex());
}

TEST_F(AwsClientTest, EndpointsWithAPathAreInvalid) {
    AwsOptions options = client().options();
    options.endpoint += "/path";
    EXPECT_EQ(error_of([&] { AwsClient(options, parse_glacier_error); }).kind(), Kind::invalid);
}

TEST_F(AwsClientTest, TransientFailuresAreTriedAgain) {
    will_say(400, "ThrottlingException", "Rate exceeded");
    will_send("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf");
    will_say(500, "ServiceUnavailableException", "try later");
    will_answer(200, "done");
    AwsClient aws = client();
    EXPECT_EQ(aws.call(request()).body, "done");
    EXPECT_THAT(slept_ms_, ElementsAre(50, 100, 150));
    EXPECT_THAT(retries_, ElementsAre(HasSubstr("1: Rate exceeded (ThrottlingException"), StartsWith("2: "),
                                      StartsWith("3: try later")));
}

TEST_F(AwsClientTest, TransientByStatusOrName) {
    for (int status : {408, 429, 500, 502, 503, 504}) {
        will_say(status, "Something", "odd");
        will_answer(200, "");
        AwsClient aws = client();
        EXPECT_EQ(aws.call(request()).status, 200) << status;
    }
    for (const char* code :
         {"Throttling", "RequestTimeoutException", "SlowDown", "TooManyRequestsException"}) {
        will_say(400, code, "odd");
        will_answer(200, "");
        AwsClient aws = client();
        EXPECT_EQ(aws.call(request()).status, 200) << code;
    }
    EXPECT_THAT(slept_ms_, SizeIs(10));
}

TEST_F(AwsClientTest, GivesUpAfterAllAttempts) {
    for (int i = 0; i < 4; ++i) will_say(503, "SlowDown", "Please reduce your request rate");
    ServiceError error = error_of_call();
    EXPECT_EQ(error.kind(), Kind::transient);
    EXPECT_EQ(error.status(), 503);
    EXPECT_EQ(error.code(), "SlowDown");
    EXPECT_EQ(
        error.message(),
        "describing vault photos: after 4 attempts: Please reduce your request rate (SlowDown, status 503, "
        "request REQ-7)");
    EXPECT_THAT(slept_ms_, SizeIs(3));
}

TEST_F(AwsClientTest, RetryAfterIsHonoured) {
    will_say(503, "SlowDown", "x", "Retry-After: 7\r\n");
    will_say(503, "SlowDown", "x", "Retry-After: Sun, 22 Nov 2026 03:15:30 GMT\r\n");
    will_say(503, "SlowDown", "x", "Retry-After: soon\r\n");
    will_answer(200, "");
    client().call(request());
    EXPECT_THAT(slept_ms_, ElementsAre(7050, 30100, 150));
}

TEST_F(AwsClientTest, EndlessRetryAfterIsNotWaitedFor) {
    for (const char* value : {"86400", "99999999999999999999", "Sun, 22 Nov 2099 03:15:30 GMT"}) {
        will_say(503, "SlowDown", "x", format("Retry-After: {}\r\n", value));
        ServiceError error = error_of_call();
        EXPECT_EQ(error.kind(), Kind::transient);
        EXPECT_THAT(error.hint(), HasSubstr("left alone for"));
    }
    EXPECT_THAT(slept_ms_, IsEmpty());
}

TEST_F(AwsClientTest, WaitsEndWhenCancelled) {
    cancelled_ = [this] { return slept_ms_.size() >= 2; };
    will_say(503, "SlowDown", "x", "Retry-After: 600\r\n");
    AwsClient aws = client();
    EXPECT_EQ(error_of([&] { aws.call(request()); }).kind(), Kind::cancelled);
    EXPECT_THAT(slept_ms_, ElementsAre(250, 250));
}

TEST_F(AwsClientTest, LongWaitsAreWholeInSlices) {
    cancelled_ = [] { return false; };
    will_say(503, "SlowDown", "x", "Retry-After: 2\r\n");
    will_answer(200, "");
    client().call(request());
    EXPECT_EQ(std::accumulate(slept_ms_.begin(), slept_ms_.end(), std::int64_t{0}), 2050);
}

TEST_F(AwsClientTest, OtherErrorsAreFinal) {
    struct Case {
        int status;
        const char* code;
        Kind kind;
        const char* hint;
    };
    for (const Case& c :
         {Case{404, "ResourceNotFoundException", Kind::not_found, ""},
          Case{404, "NoSuchKey", Kind::not_found, ""},
          Case{400, "InvalidParameterValueException", Kind::invalid, ""},
          Case{409, "Conflict", Kind::invalid, ""},
          Case{403, "AccessDeniedException", Kind::denied, "policy"}, Case{401, "Odd", Kind::denied, ""},
          Case{501, "NotImplemented", Kind::unsupported, ""}}) {
        will_say(c.status, c.code, "User: bob is not authorized to perform: glacier:X");
        ServiceError error = error_of_call();
        EXPECT_EQ(error.kind(), c.kind) << c.code;
        EXPECT_EQ(error.code(), c.code);
        EXPECT_EQ(
            error.message(),
            format(
                "describing vault photos: User: bob is not authorized to perform: glacier:X ({}, status {}, "
                "request REQ-7)",
                c.code, c.status));
        EXPECT_THAT(error.hint(), HasSubstr(c.hint));
    }
    EXPECT_THAT(slept_ms_, IsEmpty());
}

TEST_F(AwsClientTest, RetiredServiceNamesTheWayOut) {
    will_say(400, "NoLongerSupportedException", "This service is no longer open to you");
    ServiceError error = error_of_call();
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.hint(), HasSubstr("type = \"s3\""));
}

TEST_F(AwsClientTest, UnknownKeysAndWrongSecretsAreToldApart) {
    for (const char* code : {"UnrecognizedClientException", "InvalidAccessKeyId"}) {
        will_say(403, code, "The security token included in the request is invalid.");
        ServiceError error = error_of_call();
        EXPECT_EQ(error.kind(), Kind::denied);
        EXPECT_THAT(error.message(), HasSubstr("does not know the access key"));
    }
    for (const char* code : {"InvalidSignatureException", "SignatureDoesNotMatch"}) {
        will_say(403, code, "The Canonical String should have been 'x-amz-security-token:the-token'",
                 "Date: Sun, 22 Nov 2026 03:18:59 GMT\r\n");
        ServiceError error = error_of_call();
        EXPECT_EQ(error.kind(), Kind::denied);
        EXPECT_THAT(error.message(),
                    AllOf(HasSubstr("does not accept the signature"), Not(HasSubstr("the-token"))));
        EXPECT_THAT(error.hint(), AllOf(HasSubstr("secret"), HasSubstr("region")));
    }
}

TEST_F(AwsClientTest, ClocksThatAreOff) {
    will_say(403, "RequestTimeTooSkewed", "too far", "Date: Sun, 22 Nov 2026 02:58:00 GMT\r\n");
    ServiceError error = error_of_call();
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr("this machine's clock is 17 min 00 s ahead of the service's"));
    EXPECT_THAT(error.hint(), HasSubstr("NTP"));
    will_say(403, "InvalidSignatureException", "Signature expired",
             "Date: Sun, 22 Nov 2026 05:15:00 GMT\r\n");
    EXPECT_THAT(error_of_call().message(), HasSubstr("clock is 2 h 00 min behind the service's"));
    will_say(403, "RequestTimeTooSkewed", "too far", "Date: yesterday\r\n");
    EXPECT_THAT(error_of_call().message(), HasSubstr("too far"));
    EXPECT_THAT(slept_ms_, IsEmpty());
}

TEST_F(AwsClientTest, ExpiredCredentialsAreFetchedAnewOnce) {
    will_say(403, "ExpiredTokenException", "expired");
    will_answer(200, "ok");
    EXPECT_EQ(client().call(request()).body, "ok");
    EXPECT_EQ(credentials_->forgotten, 1);
    EXPECT_THAT(server_.requests().at(0).header("Authorization"), HasSubstr("Credential=KEY0/"));
    EXPECT_THAT(server_.requests().at(1).header("Authorization"), HasSubstr("Credential=KEY1/"));

    will_say(403, "ExpiredTokenException", "expired");
    will_say(403, "ExpiredTokenException", "expired");
    ServiceError error = error_of_call();
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr("the credentials have expired"));
    EXPECT_EQ(credentials_->forgotten, 2);
    EXPECT_THAT(slept_ms_, IsEmpty());
}

TEST_F(AwsClientTest, CredentialServicesMaySleep) {
    credentials_->failures = 2;
    will_answer(200, "ok");
    EXPECT_EQ(client().call(request()).body, "ok");
    EXPECT_THAT(slept_ms_, SizeIs(2));
}

TEST_F(AwsClientTest, ForeignAnswersAreToldAsThat) {
    will_answer(403, "<html>\n<h1>Blocked by\x01\xff the firewall</h1>" + std::string(5000, 'x'),
                "Content-Type: text/html\r\n");
    ServiceError error = error_of_call();
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_EQ(error.status(), 403);
    EXPECT_EQ(error.code(), "");
    EXPECT_THAT(error.message(), AllOf(HasSubstr("does not answer as the service does"),
                                       HasSubstr("\"<html> <h1>Blocked by the firewall</h1>xx")));
    EXPECT_THAT(error.message(), SizeIs(::testing::Lt(500U)));
    EXPECT_THAT(error.hint(), HasSubstr("proxy"));
    will_answer(404, "{\"error\":\"no such page\"}");
    EXPECT_EQ(error_of_call().kind(), Kind::invalid);  // not "the vault is not there"
    will_answer(307, "", "Location: https://evil.invalid/\r\n");
    EXPECT_EQ(error_of_call().kind(), Kind::invalid);
    will_answer(404, "");
    AwsRequest head = request();
    head.method = "HEAD";
    AwsClient aws = client();
    EXPECT_EQ(error_of([&] { aws.call(head); }).kind(), Kind::not_found);
}

TEST_F(AwsClientTest, SinkIsNeverFedTwice) {
    will_say(503, "SlowDown", "x");
    will_send("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf of it");
    std::string got;
    AwsClient aws = client();
    Error error = error_of([&] { aws.call(request(), [&](std::string_view piece) { got += piece; }); });
    EXPECT_EQ(error.kind(), Kind::transient);
    EXPECT_EQ(got, "half of it");
    EXPECT_THAT(slept_ms_, SizeIs(1));

    will_send("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n");  // nothing had: asked again
    will_answer(200, "all of it");
    got.clear();
    aws.call(request(), [&](std::string_view piece) { got += piece; });
    EXPECT_EQ(got, "all of it");
}

TEST_F(AwsClientTest, SinksErrorsAreNotRetried) {
    will_answer(200, "data");
    AwsClient aws = client();
    Error error = error_of(
        [&] { aws.call(request(), [](std::string_view) { throw Error(Kind::transient, "my own"); }); });
    EXPECT_EQ(error.message(), "describing vault photos: my own");
    EXPECT_THAT(slept_ms_, IsEmpty());
}

TEST_F(AwsClientTest, UploadsAreSentAgainWhole) {
    class Zeros final : public RandomAccessSource {
      public:
        std::uint64_t size_bytes() const override { return 3 << 20; }
        void read(std::uint64_t, char* buffer, std::size_t size) override { std::fill_n(buffer, size, 'z'); }
    } zeros;
    will_send("");
    will_say(408, "RequestTimeoutException", "slow");
    will_answer(204, "");
    AwsRequest upload = request();
    upload.method = "PUT";
    upload.content = &zeros;
    upload.content_bytes = 3 << 20;
    upload.payload_hash = sha256(std::string(3 << 20, 'z')).hex();
    client().call(upload);
    std::vector<WireRequest> seen = server_.requests();
    ASSERT_THAT(seen, SizeIs(3));
    for (const WireRequest& one : seen) {
        EXPECT_EQ(one.header("x-amz-content-sha256"), upload.payload_hash);
        EXPECT_TRUE(one.body == std::string(3 << 20, 'z'));
        EXPECT_THAT(one.header("Authorization"), Not(HasSubstr("expect")));
    }
}

TEST_F(AwsClientTest, AnswersWithoutEndAreNone) {
    will_answer(200, std::string(kHttpBodyBytesMax + 1, ' '));
    AwsClient aws = client();
    Error error = error_of([&] { aws.call(request()); });
    EXPECT_EQ(error.kind(), Kind::corrupt);
    EXPECT_THAT(error.message(), HasSubstr("more than 8 MiB"));
    EXPECT_THAT(error.hint(), HasSubstr("proxy"));
    EXPECT_THAT(server_.requests(), SizeIs(1));
    will_answer(200, std::string(kHttpBodyBytesMax, ' '));
    EXPECT_THAT(aws.call(request()).body, SizeIs(kHttpBodyBytesMax));
}

TEST_F(AwsClientTest, AnswersThatQuoteTheRequestAreNotQuoted) {
    for (const char* text :
         {"x-amz-security-token: the-token", "AWS4-HMAC-SHA256 Credential=KEY0, Signature=0a"}) {
        will_answer(403, format("<html>You sent {}</html>", text));
        will_say(400, "IncompleteSignatureException", text);
        for (int i = 0; i < 2; ++i)
            EXPECT_THAT(error_of_call().message(),
                        AllOf(HasSubstr("not shown"), Not(HasSubstr("the-token")), Not(HasSubstr("0a"))));
    }
}

}  // namespace
}  // namespace icecore::cloud
