#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/hash.h"
#include "cloud/s3_client.h"

namespace icecore::testing {

/// The gateway that the script `rgw` has brought up, in FOLDER/env; ctest does that. By hand:
/// `tests/rgw/rgw start FOLDER && ICECORE_RGW_ENV=FOLDER/env …`.
class Rgw {
  public:
    Rgw() {
        const char* given = std::getenv("ICECORE_RGW_ENV");
        std::string text = read_file(given ? given : ICECORE_RGW_ENV, 4096);
        endpoint_ = value(text, "endpoint");
        access_key_ = value(text, "access_key");
        secret_key_ = value(text, "secret_key");
    }

    const std::string& endpoint() const { return endpoint_; }
    const std::string& access_key() const { return access_key_; }
    const std::string& secret_key() const { return secret_key_; }

    cloud::AwsOptions aws() const {
        cloud::AwsOptions aws;
        aws.endpoint = endpoint_;
        aws.scope = {"us-east-1", "s3"};
        aws.credentials = cloud::make_static_credentials({access_key_, secret_key_, "", {}});
        aws.clock = &clock_;
        aws.http.user_agent = "icecore/test";
        aws.sleep_ns = [](std::int64_t) {};
        aws.random = [] { return 0.5; };
        return aws;
    }

    cloud::S3Options bucket(const std::string& name) const {
        cloud::S3Options options;
        options.aws = aws();
        options.bucket = name;
        return options;
    }

    /// Asks for what our client has no operation for: "PUT", "/bucket?versioning=", a body. Returns the body.
    std::string ask(const std::string& method, const std::string& path, const std::string& query,
                    const std::string& body = {}, std::vector<cloud::HttpHeader> headers = {}) const {
        cloud::AwsClient client(aws(), [](const cloud::HttpResponse& response) {
            return cloud::ErrorReply{"error", response.body};
        });
        cloud::AwsRequest request{.method = method, .path = path, .query = query};
        request.headers = std::move(headers);
        request.body = body;
        return client.call(request).body;
    }

    /// A bucket of its own; returns its name.
    std::string make_bucket(bool versions = false, bool lock = false) const {
        static unsigned count = 0;
        std::string name = format("b{}-{}", getpid(), ++count);
        std::vector<cloud::HttpHeader> headers;
        if (lock) headers.push_back({"x-amz-bucket-object-lock-enabled", "true"});
        ask("PUT", "/" + name, "", "", headers);
        if (versions && !lock)
            ask("PUT", "/" + name, "versioning=",
                "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                "<Status>Enabled</Status></VersioningConfiguration>");
        return name;
    }

  private:
    static std::string value(const std::string& text, const std::string& name) {
        std::size_t at = text.find(name + "=");
        CHECK(at != std::string::npos);
        at += name.size() + 1;
        return text.substr(at, text.find('\n', at) - at);
    }

    SystemClock clock_;
    std::string endpoint_;
    std::string access_key_;
    std::string secret_key_;
};

}  // namespace icecore::testing
