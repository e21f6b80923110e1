#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "base/file.h"
#include "base/format.h"
#include "cloud/aws_client.h"
#include "cloud/test_credentials.h"

// What a service says may hold what we sent it. None of it gets into messages.

namespace icecore::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A service on a loopback port that answers one request with status 403 and whatever it is that it was sent.
class Echo {
  public:
    Echo() {
        listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (!listener_ || bind(listener_.get(), generic, length) != 0 || listen(listener_.get(), 1) != 0 ||
            getsockname(listener_.get(), generic, &length) != 0)
            throw_errno("making a test server");
        url = format("http://127.0.0.1:{}", ntohs(address.sin_port));
        thread_ = std::jthread([this] { serve(); });
    }
    ~Echo() { shutdown(listener_.get(), SHUT_RDWR); }

    std::string url;

  private:
    void serve() {
        Fd fd(accept(listener_.get(), nullptr, nullptr));
        std::string request;
        char buffer[4096];
        while (request.find("\r\n\r\n") == std::string::npos) {
            ssize_t got = recv(fd.get(), buffer, sizeof buffer, 0);
            if (got <= 0) return;
            request.append(buffer, static_cast<std::size_t>(got));
        }
        write_full(fd.get(),
                   format("HTTP/1.1 403 X\r\nContent-Length: {}\r\n\r\n{}", request.size(), request));
    }

    Fd listener_;
    std::jthread thread_;
};

TEST(SecretsTest, ARefusalQuotesNothingThatWasSent) {
    Echo echo;
    HandClock clock;
    AwsOptions options;
    options.endpoint = echo.url;
    options.scope = {"us-east-1", "glacier"};
    options.credentials = make_static_credentials({"AKIDHIDDEN", "SECRETHIDDEN", "TOKENHIDDEN", {}});
    options.clock = &clock;
    options.http.use_proxy = false;
    options.sleep_ns = [](std::int64_t) {};
    options.random = [] { return 0.5; };
    std::string echoed;
    AwsClient client(options, [&](const HttpResponse& response) {
        echoed = response.body;
        return ErrorReply{
            "InvalidSignatureException",
            "The signature does not match.\n\nThe Canonical String should have been\n" + response.body};
    });
    AwsRequest request;
    request.method = "GET";
    request.path = "/-/vaults";
    Error error = thrown_by([&] { client.call(request); });
    ASSERT_THAT(echoed, HasSubstr("TOKENHIDDEN"));
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr("The signature does not match."));
    for (const std::string& text : {error.message(), error.hint()}) {
        EXPECT_THAT(text, Not(HasSubstr("HIDDEN")));
        EXPECT_THAT(text, Not(HasSubstr("\n")));
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
