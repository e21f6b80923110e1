#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cloud/credentials.h"

// What the tests of credentials share.

namespace icecore::cloud {

/// A clock that goes when it is told to.
class HandClock final : public Clock {
  public:
    Timestamp now() const override { return {sec, 0}; }
    std::int64_t monotonic_ns() const override { return sec * 1'000'000'000; }
    std::int64_t sec = 1'700'000'000;
};

/// Answers what the test says, and keeps what was asked. Outlives the clients that it makes.
class FakeServices {
  public:
    using Answer = std::function<HttpResponse(const HttpRequest&)>;
    /// By "METHOD URL"; what has no answer does not answer.
    std::map<std::string, Answer> answers;
    std::vector<HttpRequest> asked;
    std::vector<HttpOptions> clients;

    void answer(const std::string& what, int status, const std::string& body) {
        answers[what] = [status, body](const HttpRequest&) {
            HttpResponse response;
            response.status = status;
            response.body = body;
            return response;
        };
    }
    std::function<std::unique_ptr<HttpClient>(HttpOptions)> maker() {
        return [this](HttpOptions options) {
            clients.push_back(std::move(options));
            return std::make_unique<Client>(*this);
        };
    }

  private:
    struct Client final : HttpClient {
        explicit Client(FakeServices& owner) : services(owner) {}
        HttpResponse send(const HttpRequest& request, const BodySink&) override {
            services.asked.push_back(request);
            auto found = services.answers.find(request.method + " " + request.url);
            if (found == services.answers.end())
                throw Error(Error::Kind::transient, "cannot connect to " + request.url);
            return found->second(request);
        }
        FakeServices& services;
    };
};

/// An environment without anything in it but what is set here.
struct CredentialsFixture : testing::Test {
    std::map<std::string, std::string> variables = {{"HOME", "/nonexistent"}};
    FakeServices services;
    HandClock clock;

    CredentialsOptions options() {
        CredentialsOptions options;
        options.environment = [this](const std::string& name) -> std::optional<std::string> {
            auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
        };
        options.make_client = services.maker();
        options.user_agent = "icecore/test";
        return options;
    }
};

inline std::string header_of(const HttpRequest& request, const std::string& name) {
    for (const HttpHeader& header : request.headers)
        if (header.name == name) return header.value;
    return "(none)";
}

/// The Error that `action` throws; a test that fails if it throws none.
inline Error thrown_by(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "must throw";
    return {Error::Kind::cancelled, "nothing was thrown"};
}

/// As services and processes give them.
inline std::string credentials_json(const std::string& key, const std::string& more = "") {
    return R"({"Version":1,"Code":"Success","AccessKeyId":")" + key +
           R"(","SecretAccessKey":"the-secret","Token":"the-token")" + more + "}";
}

}  // namespace icecore::cloud
