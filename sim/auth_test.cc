#include "sim/auth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "cloud/sigv4.h"
#include "sim/api_error.h"

namespace icecore::sim {
namespace {

class FixedClock final : public Clock {
  public:
    explicit FixedClock(std::string_view now) : now_(parse_utc(now).value()) {}
    Timestamp now() const override { return now_; }
    std::int64_t monotonic_ns() const override { return 0; }

  private:
    Timestamp now_;
};

constexpr std::string_view kNow = "20261122T120000Z";

/// A request that is signed as it should be, but for what a test changes.
struct Signed {
    std::string key = "KEY";
    std::string secret = "SECRET";
    std::string token = {};
    std::string time = std::string(kNow);
    std::string region = "us-east-1";
    std::string service = "glacier";
    std::vector<HttpHeader> headers = {{"x-amz-glacier-version", "2012-06-01"}};

    Request request() const {
        cloud::HttpRequest out;
        out.method = "GET";
        out.url = "http://glacier.test/-/vaults?limit=5&marker=a%3Ab";
        out.headers = headers;
        cloud::sign(out, sha256("").hex(), {region, service}, {key, secret, token, {}},
                    parse_utc(time).value());
        Request request;
        request.method = "GET";
        request.path = "/-/vaults";
        request.query = "limit=5&marker=a%3Ab";
        request.headers = out.headers;
        request.headers.push_back({"Host", "glacier.test"});
        return request;
    }
};

std::string verdict(const Request& request,
                    std::vector<AccessKey> keys = {{"OTHER", "x"}, {"KEY", "SECRET"}}) {
    FixedClock clock(kNow);
    try {
        Authenticator(std::move(keys), "us-east-1", clock).check(request, "glacier", sha256("").hex());
        return "good";
    } catch (const ApiError& error) {
        return error.code();
    }
}

std::string& header_of(Request& request, std::string_view name) {
    for (HttpHeader& header : request.headers)
        if (header.name == name) return header.value;
    throw Error(Error::Kind::not_found, std::string(name));
}

TEST(Authenticator, TakesWhatIsSigned) {
    EXPECT_EQ(verdict(Signed{}.request()), "good");
    Request request = Signed{}.request();
    std::string& value = header_of(request, "Authorization");
    value.erase(value.find(", SignedHeaders") + 1, 1);  // some clients put no blank there
    EXPECT_EQ(verdict(request), "good");
    std::rotate(request.headers.begin(), request.headers.end() - 1, request.headers.end());
    EXPECT_EQ(verdict(request), "good");
}

TEST(Authenticator, TakesHeadersThatNeedNoSignature) {
    Request request = Signed{}.request();
    request.headers.push_back({"User-Agent", "any"});
    request.headers.push_back({"Accept", "*/*"});
    EXPECT_EQ(verdict(request), "good");
    request.headers.push_back({"x-amz-archive-description", "slipped in"});
    EXPECT_EQ(verdict(request), "InvalidSignatureException");
}

TEST(Authenticator, RefusesEveryChange) {
    auto changed = [](const std::function<void(Request&)>& change) {
        Request request = Signed{}.request();
        change(request);
        return verdict(request);
    };
    constexpr const char* kInvalid = "InvalidSignatureException";
    EXPECT_EQ(changed([](Request& r) { r.method = "DELETE"; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { r.path += "/v"; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { r.query = "limit=6&marker=a%3Ab"; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { header_of(r, "Host") = "elsewhere"; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { header_of(r, "x-amz-glacier-version") = "2012-06-02"; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { header_of(r, "x-amz-date") = "20261122T120001Z"; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { header_of(r, "Authorization").back() ^= 1; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { r.headers.pop_back(); }), kInvalid);  // Host
    EXPECT_EQ(changed([](Request& r) { header_of(r, "Authorization") = "AWS4-HMAC-SHA256 Credential=KEY"; }),
              kInvalid);
    EXPECT_EQ(changed([](Request& r) { header_of(r, "Authorization") = "Basic abc"; }), kInvalid);
    EXPECT_EQ(changed([](Request& r) { r.headers.clear(); }), "MissingAuthenticationTokenException");
}

TEST(Authenticator, RefusesOtherKeysScopesAndTimes) {
    EXPECT_EQ(verdict(Signed{.key = "NOBODY"}.request()), "UnrecognizedClientException");
    EXPECT_EQ(verdict(Signed{.secret = "WRONG"}.request()), "InvalidSignatureException");
    EXPECT_EQ(verdict(Signed{.region = "eu-west-1"}.request()), "InvalidSignatureException");
    EXPECT_EQ(verdict(Signed{.service = "s3"}.request()), "InvalidSignatureException");
    EXPECT_EQ(verdict(Signed{.time = "20261122T115500Z"}.request()), "good");
    EXPECT_EQ(verdict(Signed{.time = "20261122T115459Z"}.request()), "InvalidSignatureException");
    EXPECT_EQ(verdict(Signed{.time = "20261122T120500Z"}.request()), "good");
    EXPECT_EQ(verdict(Signed{.time = "20261122T120501Z"}.request()), "InvalidSignatureException");
}

TEST(Authenticator, TemporaryKeysNeedTheirTokenAndExpire) {
    auto with = [](const std::string& token, std::string_view key) {
        return verdict(Signed{.token = token}.request(), {parse_access_key(key)});
    };
    EXPECT_EQ(with("TOKEN", "KEY:SECRET:TOKEN"), "good");
    EXPECT_EQ(with("", "KEY:SECRET:TOKEN"), "UnrecognizedClientException");
    EXPECT_EQ(with("OTHER", "KEY:SECRET:TOKEN"), "UnrecognizedClientException");
    EXPECT_EQ(with("TOKEN", "KEY:SECRET"), "UnrecognizedClientException");
    EXPECT_EQ(with("TOKEN", "KEY:SECRET:TOKEN:20261122T120001Z"), "good");
    EXPECT_EQ(with("TOKEN", "KEY:SECRET:TOKEN:20261122T120000Z"), "ExpiredTokenException");
}

TEST(AccessKey, IsParsedWithoutRepeatingIt) {
    EXPECT_EQ(parse_access_key("a:b").secret, "b");
    for (const char* bad : {"", "secretpart", ":", "secretpart:", ":secretpart",
                            "a:secretpart:", "a:secretpart:t:never", "a:secretpart:t:20261122T120000Z:x"}) {
        try {
            parse_access_key(bad);
            ADD_FAILURE() << bad;
        } catch (const Error& error) {
            EXPECT_EQ(error.message().find("secretpart"), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace icecore::sim
