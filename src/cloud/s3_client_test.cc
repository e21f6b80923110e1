#include "cloud/s3_client.h"

#include <gmock/gmock.h>

#include <deque>

#include "base/base64.h"
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

class StringSource final : public RandomAccessSource {
  public:
    explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t size_bytes() const override { return bytes_.size(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        ASSERT_LE(offset + size, bytes_.size());
        bytes_.copy(buffer, size, offset);
    }
    S3Content content() { return {this, 0, bytes_.size(), sha256(bytes_)}; }

  private:
    std::string bytes_;
};

/// A store that answers request after request what the test has queued.
class S3ClientTest : public ::testing::Test {
  protected:
    void will_answer(int status, const std::string& body, const std::string& headers = "") {
        std::lock_guard lock(mutex_);
        answers_.push_back(
            format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body));
    }
    void will_fail(int status, const std::string& code, const std::string& message,
                   const std::string& more = "", const std::string& headers = "") {
        will_answer(status,
                    format("<?xml version=\"1.0\"?>\n<Error><Code>{}</Code><Message>{}</Message>{}</Error>",
                           code, message, more),
                    headers);
    }

    S3Options options() {
        S3Options options;
        options.aws.endpoint = server_.url();
        options.aws.scope = {"us-east-1", "s3"};
        options.aws.credentials = make_static_credentials({"KEY", "SECRET", "", {}});
        options.aws.clock = &clock_;
        options.aws.http.use_proxy = false;
        options.aws.attempts_max = 3;
        options.aws.sleep_ns = [](std::int64_t) {};
        options.aws.random = [] { return 0.5; };
        options.bucket = "bucket";
        options.on_notice = [this](const std::string& text) { notices_.push_back(text); };
        return options;
    }
    S3Client client() { return S3Client(options()); }
    std::vector<std::string> lines() const {
        std::vector<std::string> out;
        for (const WireRequest& request : server_.requests()) out.push_back(request.line());
        return out;
    }

    SystemClock clock_;
    std::vector<std::string> notices_;

  private:
    std::string next_answer() {
        std::lock_guard lock(mutex_);
        if (answers_.empty()) return "HTTP/1.1 500 nothing queued\r\nContent-Length: 0\r\n\r\n";
        std::string answer = std::move(answers_.front());
        answers_.pop_front();
        return answer;
    }

    std::mutex mutex_;
    std::deque<std::string> answers_;

  protected:
    ScriptedServer server_{[this](Connection& connection) {
        while (connection.read_request())
            if (!connection.send(next_answer())) return;
    }};
};

constexpr const char* kEmptyList = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

TEST_F(S3ClientTest, APutSaysAllAboutTheObject) {
    StringSource source("hello");
    std::string digest = to_base64(sha256("hello").view());
    will_answer(200, "",
                format("ETag: \"e\"\r\nx-amz-checksum-sha256: {}\r\nx-amz-version-id: v1\r\n"
                       "x-amz-server-side-encryption: aws:kms\r\n",
                       digest));
    S3ObjectOptions object;
    object.storage_class = "DEEP_ARCHIVE";
    object.sse = "aws:kms";
    object.kms_key = "key-1";
    object.metadata = {{"name", "value"}};
    object.lock_mode = "COMPLIANCE";
    object.locked_until = *parse_utc("2027-01-01T00:00:00Z");
    S3Stored stored = client().put_object("a b/(é)+&", object, source.content(), true, "storing it");
    EXPECT_EQ(stored.etag, "e");
    EXPECT_EQ(stored.checksum, (S3Checksum{sha256("hello"), 0}));
    EXPECT_EQ(stored.version_id, "v1");
    WireRequest sent = server_.requests().at(0);
    EXPECT_EQ(sent.line(), "PUT /bucket/a%20b/%28%C3%A9%29%2B%26 HTTP/1.1");
    EXPECT_EQ(sent.body, "hello");
    EXPECT_EQ(sent.header("If-None-Match"), "*");
    EXPECT_EQ(sent.header("x-amz-storage-class"), "DEEP_ARCHIVE");
    EXPECT_EQ(sent.header("x-amz-server-side-encryption"), "aws:kms");
    EXPECT_EQ(sent.header("x-amz-server-side-encryption-aws-kms-key-id"), "key-1");
    EXPECT_EQ(sent.header("x-amz-meta-name"), "value");
    EXPECT_EQ(sent.header("x-amz-object-lock-mode"), "COMPLIANCE");
    EXPECT_EQ(sent.header("x-amz-object-lock-retain-until-date"), "2027-01-01T00:00:00Z");
    EXPECT_EQ(sent.header("x-amz-content-sha256"), sha256("hello").hex());
    EXPECT_EQ(sent.header("x-amz-checksum-sha256"), digest);
    EXPECT_THAT(sent.header("Authorization"), HasSubstr("/us-east-1/s3/aws4_request"));
}

TEST_F(S3ClientTest, TheRightRegionIsFollowedAndSaid) {
    will_fail(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-3'",
              "<Region>eu-west-3</Region>");
    will_answer(200, kEmptyList);
    will_answer(200, kEmptyList);
    S3Client s3 = client();
    s3.check("p/");
    s3.check("p/");
    ASSERT_THAT(server_.requests(), SizeIs(3));
    EXPECT_THAT(server_.requests()[1].header("Authorization"), HasSubstr("/eu-west-3/s3/"));
    EXPECT_THAT(server_.requests()[2].header("Authorization"), HasSubstr("/eu-west-3/s3/"));
    EXPECT_THAT(notices_, ElementsAre(AllOf(HasSubstr("eu-west-3"), HasSubstr("us-east-1"))));
    EXPECT_EQ(s3.options().aws.scope.region, "eu-west-3");
}

TEST_F(S3ClientTest, AHeadLearnsTheRegionFromItsHeader) {
    will_answer(301, "", "x-amz-bucket-region: eu-west-3\r\n");
    will_answer(200, "", "ETag: \"e\"\r\n");
    EXPECT_TRUE(client().head_object("key").has_value());
}

TEST_F(S3ClientTest, ARegionThatIsNoneOrTheSameIsNotFollowed) {
    for (const char* region : {"us-east-1", "evil.example.com/", "", "EU WEST"}) {
        will_fail(301, "PermanentRedirect", "elsewhere", format("<Region>{}</Region>", region));
        Error error = error_of([&] { client().check(""); });
        EXPECT_EQ(error.kind(), Kind::invalid);
    }
    EXPECT_THAT(server_.requests(), SizeIs(4));
}

TEST_F(S3ClientTest, RedirectionsAreNotFollowed) {
    ScriptedServer elsewhere([](Connection& connection) {
        while (connection.read_request()) connection.respond(200, kEmptyList);
    });
    will_fail(307, "TemporaryRedirect", "Please re-send this request",
              "<Endpoint>other.example.com</Endpoint>", "Location: " + elsewhere.url("/bucket") + "\r\n");
    Error error = error_of([&] { client().check(""); });
    EXPECT_THAT(error.hint(), HasSubstr(elsewhere.url()));
    EXPECT_THAT(elsewhere.requests(), IsEmpty());
    will_answer(302, "<html>log in</html>", "Location: " + elsewhere.url("/") + "\r\n");
    error = error_of([&] { client().check(""); });
    EXPECT_THAT(error.hint(), HasSubstr(elsewhere.url()));
    EXPECT_THAT(elsewhere.requests(), IsEmpty());
}

TEST_F(S3ClientTest, ADeniedRequestNamesTheAction) {
    will_fail(
        403, "AccessDenied",
        "User: arn:aws:iam::1:user/u is not authorized to perform: s3:PutObjectRetention on resource: x");
    StringSource source("x");
    auto put = [&] { client().put_object("k", {}, source.content(), true, "storing it"); };
    EXPECT_THAT(error_of(put).hint(), HasSubstr("s3:PutObjectRetention"));
    will_fail(403, "AccessDenied", "Access Denied");
    Error error = error_of(put);
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.hint(), AllOf(HasSubstr("s3:PutObject"), HasSubstr("bucket")));
    EXPECT_THAT(error.message(), StartsWith("storing it: "));
    will_answer(403, "");
    EXPECT_THAT(error_of([&] { client().head_object("k"); }).hint(), HasSubstr("s3:GetObject"));
}

TEST_F(S3ClientTest, WhatIsWrongWithTheEncryptionIsSaid) {
    StringSource source("abc");
    S3ObjectOptions object;
    object.storage_class = "DEEP_ARCHIVE";
    object.sse = "aws:kms";
    object.kms_key = "alias/mine";
    auto put = [&] { client().put_object("k", object, source.content(), true, "storing k"); };
    will_fail(400, "KMS.NotFoundException", "Alias arn:aws:kms:us-east-1:1:alias/mine is not found.");
    Error unknown = error_of(put);
    EXPECT_EQ(unknown.kind(), Kind::invalid);
    EXPECT_THAT(unknown.message(), HasSubstr("alias/mine is not found"));
    EXPECT_THAT(unknown.hint(), HasSubstr("sse"));
    will_fail(403, "AccessDenied",
              "User: u is not authorized to perform: kms:GenerateDataKey on resource: r");
    EXPECT_THAT(error_of(put).hint(), HasSubstr("kms:GenerateDataKey"));
    will_fail(400, "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header");
    EXPECT_THAT(error_of(put).hint(), HasSubstr("sse"));
    // Of several things that may be wrong the store names none.
    will_fail(400, "InvalidArgument", "x");
    EXPECT_THAT(error_of(put).hint(), HasSubstr("storage class"));
    object.storage_class.clear();
    will_fail(400, "InvalidRequest", "");
    EXPECT_THAT(error_of(put).hint(), HasSubstr("sse"));
}

TEST_F(S3ClientTest, ABucketThatIsNotThere) {
    will_fail(404, "NoSuchBucket", "The specified bucket does not exist");
    Error error = error_of([&] { client().check(""); });
    EXPECT_EQ(error.kind(), Kind::not_found);
    EXPECT_THAT(error.hint(), HasSubstr("\"bucket\""));
}

TEST_F(S3ClientTest, ACompletionThatFailsWith200IsTriedAgain) {
    std::string failed =
        "\n \n<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>We</Message></Error>";
    will_answer(200, failed);
    will_answer(200, "<CompleteMultipartUploadResult><ETag>\"x-1\"</ETag></CompleteMultipartUploadResult>");
    std::vector<S3Part> parts = {{1, 5, "e1", sha256("a")}};
    EXPECT_EQ(client().complete_upload("k", "id", parts, {sha256("c"), 1}, true).etag, "x-1");
    EXPECT_EQ(server_.requests()[0].header("x-amz-checksum-sha256"), to_base64(sha256("c").view()) + "-1");
    EXPECT_EQ(server_.requests()[0].header("If-None-Match"), "*");
    EXPECT_THAT(server_.requests()[0].body,
                HasSubstr("<PartNumber>1</PartNumber><ETag>\"e1\"</ETag><ChecksumSHA256>"));
    for (int i = 0; i < 3; ++i) will_answer(200, failed);
    EXPECT_EQ(error_of([&] { client().complete_upload("k", "id", parts, {}, false); }).kind(),
              Kind::transient);
    will_answer(200, "<Error><Code>InvalidPart</Code><Message>One</Message></Error>");
    EXPECT_EQ(error_of([&] { client().complete_upload("k", "id", parts, {}, false); }).kind(), Kind::invalid);
}

TEST_F(S3ClientTest, RestoresAnswerInAllTheirWays) {
    auto ask = [&] { return client().restore_object("k", "", 3, S3Tier::bulk); };
    will_answer(202, "");
    EXPECT_EQ(ask(), S3RestoreAnswer::accepted);
    EXPECT_EQ(server_.requests()[0].line(), "POST /bucket/k?restore= HTTP/1.1");
    EXPECT_THAT(server_.requests()[0].body,
                AllOf(HasSubstr("<Days>3</Days>"), HasSubstr("<Tier>Bulk</Tier>")));
    will_answer(200, "");
    EXPECT_EQ(ask(), S3RestoreAnswer::there_already);
    will_fail(409, "RestoreAlreadyInProgress", "already");
    EXPECT_EQ(ask(), S3RestoreAnswer::in_progress);
    will_fail(503, "GlacierExpeditedRetrievalNotAvailable", "try again later");
    EXPECT_EQ(ask(), S3RestoreAnswer::not_now);
    will_fail(403, "InvalidObjectState", "Restore is not allowed for the object's current storage class");
    EXPECT_EQ(ask(), S3RestoreAnswer::not_cold);
    will_fail(501, "NotImplemented", "");
    EXPECT_EQ(ask(), S3RestoreAnswer::unknown_to_store);
    EXPECT_THAT(server_.requests(), SizeIs(6));  // none of them was tried again
    will_fail(503, "SlowDown", "Please reduce your request rate");
    will_answer(202, "");
    EXPECT_EQ(ask(), S3RestoreAnswer::accepted);
}

TEST_F(S3ClientTest, ListingsFollowTheirPages) {
    will_answer(
        200,
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a+b=</NextContinuationToken>"
        "<Contents><Key>p/1</Key><LastModified>2020-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>"
        "</ListBucketResult>");
    will_answer(200, kEmptyList);
    std::vector<std::string> keys;
    client().list_objects("p/", "", [&](const S3Object& object) {
        keys.push_back(object.key);
        return true;
    });
    EXPECT_THAT(keys, ElementsAre("p/1"));
    EXPECT_THAT(lines(),
                ElementsAre("GET /bucket?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F HTTP/1.1",
                            "GET /bucket?continuation-token=a%2Bb%3D&encoding-type=url&list-type=2&"
                            "max-keys=1000&prefix=p%2F HTTP/1.1"));
    EXPECT_EQ(server_.requests()[0].header("x-amz-optional-object-attributes"), "RestoreStatus");
}

TEST_F(S3ClientTest, AListThatGoesRoundInCircles) {
    for (int i = 0; i < 2; ++i)
        will_answer(200,
                    "<ListBucketResult><IsTruncated>true</IsTruncated>"
                    "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
    Error error = error_of([&] { client().list_objects("", "", [](const S3Object&) { return true; }); });
    EXPECT_EQ(error.kind(), Kind::corrupt);
}

TEST_F(S3ClientTest, AnswersOfSomethingElse) {
    will_answer(200, "<html>Welcome</html>");
    Error error = error_of([&] { client().check(""); });
    EXPECT_EQ(error.kind(), Kind::corrupt);
    EXPECT_FALSE(error.hint().empty());
    will_answer(200, std::string(kEmptyList).substr(0, 30));
    EXPECT_EQ(error_of([&] { client().check(""); }).kind(), Kind::corrupt);
    will_answer(404, "<html>no such page</html>");
    EXPECT_EQ(error_of([&] { client().check(""); }).kind(), Kind::invalid);
    will_answer(200, "",
                "ETag: \"e\"\r\nx-amz-restore: ongoing-request=\"false\", expiry-date=\"never\"\r\n");
    EXPECT_EQ(error_of([&] { client().head_object("k"); }).kind(), Kind::corrupt);
}

TEST_F(S3ClientTest, ReadsWhatWasAskedForAndNothingElse) {
    auto read = [&](std::uint64_t offset, std::uint64_t length) {
        std::string out;
        client().get_object("k", "", offset, length, [&](std::string_view piece) { out += piece; });
        return out;
    };
    will_answer(206, "llo", "Content-Range: bytes 2-4/5\r\n");
    EXPECT_EQ(read(2, 3), "llo");
    EXPECT_EQ(server_.requests()[0].header("Range"), "bytes=2-4");
    will_answer(206, "lo", "Content-Range: bytes 3-4/5\r\n");
    EXPECT_EQ(error_of([&] { read(3, 7); }).kind(), Kind::corrupt);
    will_answer(200, "hello");
    EXPECT_EQ(error_of([&] { read(2, 3); }).kind(), Kind::corrupt);
    will_answer(206, "hel", "Content-Range: bytes 0-2/5\r\n");
    EXPECT_EQ(error_of([&] { read(2, 3); }).kind(), Kind::corrupt);
    will_fail(416, "InvalidRange", "The requested range is not satisfiable");
    EXPECT_EQ(error_of([&] { read(9, 3); }).kind(), Kind::corrupt);
    will_fail(403, "InvalidObjectState", "The operation is not valid for the object's storage class");
    try {
        read(0, 1);
        ADD_FAILURE() << "no Error";
    } catch (const ServiceError& e) {
        EXPECT_EQ(e.code(), "InvalidObjectState");
    }
}

TEST_F(S3ClientTest, TheBucketStandsInTheHostWhereItShould) {
    auto first_line_and_host = [&](S3Addressing addressing, const std::string& bucket) {
        S3Options changed = options();
        changed.aws.endpoint = format("http://localhost:{}", server_.port());
        changed.addressing = addressing;
        changed.bucket = bucket;
        will_answer(200, kEmptyList);
        S3Client(changed).check("");
        WireRequest last = server_.requests().back();
        return last.line().substr(0, last.line().find('?')) + " " + last.header("Host");
    };
    std::string host = format("localhost:{}", server_.port());
    EXPECT_EQ(first_line_and_host(S3Addressing::automatic, "bucket"), "GET /bucket " + host);
    EXPECT_EQ(first_line_and_host(S3Addressing::virtual_host, "bucket"), "GET / bucket." + host);
    EXPECT_TRUE(is_amazon_endpoint("https://s3.eu-west-1.amazonaws.com"));
    EXPECT_TRUE(is_amazon_endpoint("https://s3.cn-north-1.amazonaws.com.cn"));
    EXPECT_FALSE(is_amazon_endpoint("https://amazonaws.com.example.org"));
    EXPECT_FALSE(is_amazon_endpoint("http://127.0.0.1:9000"));
}

TEST_F(S3ClientTest, NamesOfBucketsAndEndpoints) {
    for (const char* name : {"", "ab", "a/b", "a b", ".abc", "a..b", "abc.", "b?x=y"}) {
        S3Options bad = options();
        bad.bucket = name;
        EXPECT_EQ(error_of([&] { S3Client{bad}; }).kind(), Kind::invalid) << name;
    }
    S3Options path = options();
    path.aws.endpoint += "/path";
    path.addressing = S3Addressing::virtual_host;
    EXPECT_EQ(error_of([&] { S3Client{path}; }).kind(), Kind::invalid);
}

}  // namespace
}  // namespace icecore::cloud
