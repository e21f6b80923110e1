#include <gmock/gmock.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "base/text.h"
#include "cloud/http.h"
#include "cloud/test_server.h"

namespace icecore::cloud {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Kind = Error::Kind;

HttpOptions plain_options() {
    HttpOptions options;
    options.use_proxy = false;
    options.user_agent = "icecore-test";
    return options;
}

HttpResponse get(HttpClient& client, const std::string& url, const BodySink& sink = {}) {
    HttpRequest request;
    request.method = "GET";
    request.url = url;
    return client.send(request, sink);
}

/// Bytes that can be told apart by their place.
class PatternSource final : public RandomAccessSource {
  public:
    explicit PatternSource(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}
    std::uint64_t size_bytes() const override { return size_bytes_; }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        CHECK(offset + size <= size_bytes_);
        if (offset + size > fail_at_) throw Error(Kind::io, "disk on fire");
        for (std::size_t i = 0; i < size; ++i) buffer[i] = at(offset + i);
    }
    void fail_at(std::uint64_t offset) { fail_at_ = offset; }
    static char at(std::uint64_t offset) { return static_cast<char>(offset * 31 + offset / 256); }
    std::string bytes(std::uint64_t offset, std::size_t size) {
        std::string out(size, '\0');
        read(offset, out.data(), size);
        return out;
    }

  private:
    std::uint64_t size_bytes_;
    std::uint64_t fail_at_ = UINT64_MAX;
};

/// A server that says these bytes to each request and hangs up.
ScriptedServer::Script say(std::string bytes) {
    return [bytes = std::move(bytes)](Connection& peer) {
        if (peer.read_request()) peer.send(bytes);
    };
}

/// The error of a GET that is answered with these bytes and a hang-up.
Error error_of_answer(const std::string& bytes) {
    ScriptedServer server(say(bytes));
    auto client = make_http_client(plain_options());
    return error_of([&] { get(*client, server.url("/")); });
}

TEST(HttpClient, SendsWhatItIsToldAndNoMore) {
    ScriptedServer server([](Connection& peer) {
        while (peer.read_request()) peer.respond(200, "hello", "X-Odd:  a b \r\nETag: \"1\"\r\n");
    });
    auto client = make_http_client(plain_options());
    HttpRequest request;
    request.method = "GET";
    request.url = server.url("/a/../b/%2e/c%20d?x=%2F&y=");
    request.headers = {{"x-amz-a", "1"}, {"x-empty", ""}};
    HttpResponse response = client->send(request);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello");
    ASSERT_NE(response.header("x-odd"), nullptr);
    EXPECT_EQ(*response.header("x-odd"), "a b");
    EXPECT_EQ(*response.header("etag"), "\"1\"");
    EXPECT_EQ(response.header("x-none"), nullptr);
    WireRequest seen = server.requests().at(0);
    EXPECT_EQ(seen.line(), "GET /a/../b/%2e/c%20d?x=%2F&y= HTTP/1.1");
    EXPECT_EQ(seen.header("Host"), format("127.0.0.1:{}", server.port()));
    EXPECT_EQ(seen.header("User-Agent"), "icecore-test");
    EXPECT_EQ(seen.header("x-amz-a"), "1");
    EXPECT_THAT(seen.head, HasSubstr("\r\nx-empty:\r\n"));
    EXPECT_EQ(seen.header("Content-Length"), "(none)");
    EXPECT_EQ(seen.header("Accept-Encoding"), "(none)");
}

TEST(HttpClient, KeepsConnectionsAlive) {
    ScriptedServer server([](Connection& peer) {
        for (int i = 0; i < 3 && peer.read_request(); ++i) peer.respond(i == 1 ? 404 : 200, "x");
    });
    auto client = make_http_client(plain_options());
    EXPECT_EQ(get(*client, server.url("/1")).status, 200);
    EXPECT_EQ(get(*client, server.url("/2")).status, 404);
    EXPECT_EQ(get(*client, server.url("/3")).status, 200);
    EXPECT_EQ(server.connections(), 1U);
    server.wait_for_ends(1);
    EXPECT_EQ(get(*client, server.url("/4")).status, 200);
    EXPECT_EQ(server.connections(), 2U);
}

TEST(HttpClient, EveryMethodHasTheRightLength) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        while (peer.read_request(request))
            peer.send(request.line().starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
                                                         : "HTTP/1.1 204 No Content\r\n\r\n");
    });
    auto client = make_http_client(plain_options());
    auto length_of = [&](const std::string& method, const std::string& body) {
        HttpRequest request;
        request.method = method;
        request.url = server.url("/");
        request.body = body;
        client->send(request);
        WireRequest seen = server.requests().back();
        EXPECT_THAT(seen.line(), StartsWith(method + " / "));
        EXPECT_EQ(seen.body, body);
        EXPECT_EQ(seen.header("Expect"), "(none)");
        EXPECT_EQ(seen.header("Transfer-Encoding"), "(none)");
        EXPECT_EQ(seen.header("Content-Type"), "(none)");
        return seen.header("Content-Length");
    };
    EXPECT_EQ(length_of("GET", ""), "(none)");
    EXPECT_EQ(length_of("HEAD", ""), "(none)");
    EXPECT_EQ(length_of("DELETE", ""), "(none)");
    EXPECT_EQ(length_of("PUT", ""), "0");
    EXPECT_EQ(length_of("POST", ""), "0");
    EXPECT_EQ(length_of("POST", "{}"), "2");
    EXPECT_EQ(length_of("PUT", std::string(100'000, 'x')), "100000");
    EXPECT_EQ(length_of("GET", ""), "(none)");
    EXPECT_EQ(server.connections(), 1U);
}

HttpRequest upload_of(const std::string& url, PatternSource& source, std::uint64_t offset,
                      std::uint64_t size) {
    HttpRequest request;
    request.method = "PUT";
    request.url = url;
    request.content = &source;
    request.content_offset = offset;
    request.content_bytes = size;
    return request;
}

TEST(HttpClient, UploadsPartOfASource) {
    ScriptedServer server([](Connection& peer) {
        while (peer.read_request()) peer.respond(201, "");
    });
    auto client = make_http_client(plain_options());
    PatternSource source(9 << 20);
    constexpr std::size_t kMiB = 1 << 20;
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, kMiB - 1, kMiB, 2 * kMiB + 1, 7 * kMiB}) {
        EXPECT_EQ(client->send(upload_of(server.url("/"), source, 12345, size)).status, 201);
        WireRequest seen = server.requests().back();
        EXPECT_TRUE(seen.body == source.bytes(12345, size)) << size;
        EXPECT_EQ(seen.header("Content-Length"), format("{}", size));
        EXPECT_EQ(seen.header("Expect"), size >= 1 << 20 ? "100-continue" : "(none)");
    }
}

TEST(HttpClient, ContinueThatNeverComesIsNotWaitedFor) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        if (peer.read_head(request) && peer.read_body(request)) peer.respond(200, request.header("Expect"));
    });
    HttpOptions options = plain_options();
    options.stall_timeout_ms = 20'000;
    auto client = make_http_client(options);
    PatternSource source(3 << 20);
    EXPECT_EQ(client->send(upload_of(server.url("/"), source, 0, 3 << 20)).body, "100-continue");
}

TEST(HttpClient, RefusalBeforeTheBodySparesIt) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        if (!peer.read_head(request)) return;
        peer.respond(403, "no", "Connection: close\r\n");
        peer.stall();  // until the client has hung up
    });
    auto client = make_http_client(plain_options());
    PatternSource source(std::uint64_t{1} << 40);
    HttpResponse response = client->send(upload_of(server.url("/"), source, 0, std::uint64_t{1} << 40));
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(response.body, "no");
}

TEST(HttpClient, RefusalInTheMiddleOfTheBodySparesTheRest) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        if (!peer.read_head(request)) return;
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        WireRequest begun{"PUT / HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n", ""};
        if (!peer.read_body(begun)) return;
        peer.respond(400, "wrong", "Connection: close\r\n");
        peer.stall();
    });
    auto client = make_http_client(plain_options());
    PatternSource source(std::uint64_t{1} << 40);
    HttpResponse response = client->send(upload_of(server.url("/"), source, 0, std::uint64_t{1} << 40));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, "wrong");
}

TEST(HttpClient, UploadsWhereTheLastConnectionHasDied) {
    std::atomic<int> served = 0;
    ScriptedServer server([&](Connection& peer) {
        WireRequest request;
        if (served++ == 0) {
            peer.read_request(request);
            peer.respond(200, "first");
            return;  // hangs up between requests
        }
        if (peer.read_request(request)) peer.respond(200, "second");
    });
    auto client = make_http_client(plain_options());
    PatternSource source(100'000);
    EXPECT_EQ(client->send(upload_of(server.url("/"), source, 0, 100'000)).body, "first");
    server.wait_for_ends(1);
    EXPECT_EQ(client->send(upload_of(server.url("/"), source, 1, 99'999)).body, "second");
    EXPECT_TRUE(server.requests().at(1).body == source.bytes(1, 99'999));
}

TEST(HttpClient, UploadIsSentAgainWhereExpectIsRefused) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        while (peer.read_head(request)) {
            if (request.header("Expect") == "100-continue")
                peer.respond(417, "");
            else if (peer.read_body(request))
                peer.respond(200, format("{}", request.body == PatternSource(2 << 20).bytes(0, 2 << 20)));
        }
    });
    auto client = make_http_client(plain_options());
    PatternSource source(2 << 20);
    EXPECT_EQ(client->send(upload_of(server.url("/"), source, 0, 2 << 20)).body, "true");
}

TEST(HttpClient, SinkGetsWhatSucceedsOnly) {
    std::string large;
    for (int i = 0; i < 300'000; ++i) large += format("{}\n", i);
    ScriptedServer server([&](Connection& peer) {
        WireRequest request;
        while (peer.read_request(request)) {
            if (request.line().starts_with("GET /ok"))
                peer.respond(206, large);
            else
                peer.respond(404, "not here");
        }
    });
    auto client = make_http_client(plain_options());
    std::string got;
    HttpResponse response = get(*client, server.url("/ok"), [&](std::string_view piece) { got += piece; });
    EXPECT_EQ(response.status, 206);
    EXPECT_EQ(response.body, "");
    EXPECT_TRUE(got == large);
    got.clear();
    response = get(*client, server.url("/missing"), [&](std::string_view piece) { got += piece; });
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.body, "not here");
    EXPECT_EQ(got, "");
}

TEST(HttpClient, ChunksAndCloseDelimitedBodiesAreRead) {
    ScriptedServer server([](Connection& peer) {
        if (!peer.read_request()) return;
        peer.send(
            "HTTP/1.1 100 Continue\r\nX: early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.send("3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Trailer: late\r\n\r\n");
        if (!peer.read_request()) return;
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: late\r\n\r\n");
        if (!peer.read_request()) return;
        peer.send("HTTP/1.0 200 OK\r\n\r\nto the end");
    });
    auto client = make_http_client(plain_options());
    HttpResponse response = get(*client, server.url("/"));
    EXPECT_EQ(response.body, "abcdefg");
    EXPECT_EQ(response.header("X"), nullptr);
    EXPECT_EQ(response.header("X-Trailer"), nullptr);
    response = get(*client, server.url("/"));
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(response.header("X-Trailer"), nullptr);
    EXPECT_EQ(get(*client, server.url("/")).body, "to the end");
}

TEST(HttpClient, RedirectsAreNotFollowed) {
    ScriptedServer server([](Connection& peer) {
        while (peer.read_request()) peer.respond(307, "", "Location: /elsewhere\r\n");
    });
    auto client = make_http_client(plain_options());
    EXPECT_EQ(get(*client, server.url("/")).status, 307);
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(HttpClient, BrokenConnectionsAreTransient) {
    for (const char* bytes :
         {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
        Error error = error_of_answer(bytes);
        EXPECT_EQ(error.kind(), Kind::transient) << bytes << ": " << error.message();
        EXPECT_THAT(error.message(), HasSubstr("127.0.0.1"));
    }
}

TEST(HttpClient, ResetIsTransient) {
    ScriptedServer server([](Connection& peer) {
        peer.read_request();
        peer.reset_at_end();
    });
    auto client = make_http_client(plain_options());
    EXPECT_EQ(error_of([&] { get(*client, server.url("/")); }).kind(), Kind::transient);
}

TEST(HttpClient, HangUpInAnUploadIsTransient) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        peer.read_head(request);
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    });
    auto client = make_http_client(plain_options());
    PatternSource source(std::uint64_t{1} << 40);
    Error error =
        error_of([&] { client->send(upload_of(server.url("/"), source, 0, std::uint64_t{1} << 40)); });
    EXPECT_EQ(error.kind(), Kind::transient) << error.message();
}

TEST(HttpClient, WhatIsNoHttpIsCorrupt) {
    for (const char* bytes : {"SSH-2.0-OpenSSH_9.2\r\n", "220 mail ready\r\n", "HTTP/1.1 abc\r\n\r\n"}) {
        Error error = error_of_answer(bytes);
        EXPECT_EQ(error.kind(), Kind::corrupt) << bytes << ": " << error.message();
    }
}

TEST(HttpClient, EndlessHeadersAreCorrupt) {
    auto endless = [](std::string start, std::string piece) {
        return [=](Connection& peer) {
            if (!peer.read_request()) return;
            peer.send(start);
            while (peer.send(piece)) {
            }
        };
    };
    for (auto& script : {endless("HTTP/1.1 200 OK\r\n", "X-Bomb: 0123456789\r\n"),
                         endless("HTTP/1.1 200 OK\r\nX-Long: ", std::string(1000, 'x')),
                         endless("", "HTTP/1.1 100 Continue\r\n\r\n"), endless("", "HTTP/1.1 200 ")}) {
        ScriptedServer server(script);
        auto client = make_http_client(plain_options());
        Error error = error_of([&] { get(*client, server.url("/")); });
        EXPECT_EQ(error.kind(), Kind::corrupt) << error.message();
    }
}

TEST(HttpClient, EndlessBodiesAreCut) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        if (!peer.read_request(request)) return;
        peer.send(format("HTTP/1.1 {} X\r\n\r\n", request.line().substr(5, 3)));
        while (peer.send(std::string(1 << 20, 'x'))) {
        }
    });
    auto client = make_http_client(plain_options());
    for (int status : {200, 403, 500}) {
        HttpResponse response = get(*client, server.url(format("/{}", status)));
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(response.body.size(), kHttpBodyBytesMax);
    }
}

TEST(HttpClient, WhatTheSinkThrowsComesThrough) {
    ScriptedServer server([](Connection& peer) {
        while (peer.read_request()) peer.respond(200, "hello");
    });
    auto client = make_http_client(plain_options());
    EXPECT_THROW(get(*client, server.url("/"), [](std::string_view) { throw std::logic_error("mine"); }),
                 std::logic_error);
    EXPECT_EQ(get(*client, server.url("/")).body, "hello");  // still good
}

TEST(HttpClient, WhatTheContentThrowsComesThrough) {
    ScriptedServer server([](Connection& peer) {
        while (peer.read_request()) peer.respond(200, "hello");
    });
    auto client = make_http_client(plain_options());
    PatternSource source(10 << 20);
    source.fail_at(4 << 20);
    Error error = error_of([&] { client->send(upload_of(server.url("/"), source, 0, 10 << 20)); });
    EXPECT_EQ(error.kind(), Kind::io);
    EXPECT_EQ(error.message(), "disk on fire");
    EXPECT_EQ(get(*client, server.url("/")).body, "hello");
}

TEST(HttpClient, NothingListens) {
    int port = ScriptedServer([](Connection&) {}).port();
    auto client = make_http_client(plain_options());
    Error error = error_of([&] { get(*client, format("http://127.0.0.1:{}/", port)); });
    EXPECT_EQ(error.kind(), Kind::transient);
    EXPECT_THAT(error.message(), HasSubstr(format("127.0.0.1:{}: no connection", port)));
    EXPECT_NE(error.hint(), "");
}

TEST(HttpClient, UnknownNames) {
    auto client = make_http_client(plain_options());
    std::string host = std::string(64, 'x') + ".invalid";  // too long a label: no server is asked
    Error error = error_of([&] { get(*client, format("http://{}/", host)); });
    EXPECT_EQ(error.kind(), Kind::transient);
    EXPECT_THAT(error.message(), HasSubstr(host + ": name not found"));
    EXPECT_THAT(error.hint(), HasSubstr("spelled right"));
}

TEST(HttpClient, MalformedRequestsAreInvalid) {
    auto client = make_http_client(plain_options());
    for (const char* url : {"", "ftp://host/", "file:///etc/passwd", "http://", "http://a:b@host/",
                            "http://[::1/", "http://host:99999/", "http://host/a b"})
        EXPECT_EQ(error_of([&] { get(*client, url); }).kind(), Kind::invalid) << url;
    HttpRequest request{"GET", "http://127.0.0.1:1/", {{"X", "a\r\nY: b"}}, ""};
    EXPECT_EQ(error_of([&] { client->send(request); }).kind(), Kind::invalid);
}

TEST(HttpClient, StallsAreTransient) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        if (!peer.read_head(request)) return;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        peer.stall();
    });
    HttpOptions options = plain_options();
    options.stall_timeout_ms = 50;
    auto client = make_http_client(options);
    Error error = error_of([&] { get(*client, server.url("/")); });
    EXPECT_EQ(error.kind(), Kind::transient);
    EXPECT_THAT(error.message(), HasSubstr("nothing has moved"));
}

TEST(HttpClient, CancelsWhatStalls) {
    std::atomic<bool> stop = false;
    ScriptedServer server([&](Connection& peer) {
        if (!peer.read_request()) return;
        stop = true;
        peer.stall();
    });
    HttpOptions options = plain_options();
    options.cancelled = [&] { return stop.load(); };
    auto client = make_http_client(options);
    EXPECT_EQ(error_of([&] { get(*client, server.url("/")); }).kind(), Kind::cancelled);
}

TEST(HttpClient, ClientsInThreadsDoNotMeet) {
    ScriptedServer server([](Connection& peer) {
        WireRequest request;
        while (peer.read_request(request)) peer.respond(200, request.line());
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&, t] {
            auto client = make_http_client(plain_options());
            for (int i = 0; i < 20; ++i) {
                std::string path = format("/{}/{}", t, i);
                EXPECT_EQ(get(*client, server.url(path)).body, format("GET {} HTTP/1.1", path));
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(server.connections(), 6U);
}

/// Sets variables of the environment for the time of a test.
class Environment {
  public:
    explicit Environment(std::vector<std::pair<std::string, std::string>> values) {
        for (const char* name :
             {"http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"}) {
            const char* value = getenv(name);
            before_.emplace_back(name, value ? std::optional<std::string>(value) : std::nullopt);
            unsetenv(name);
        }
        for (const auto& [name, value] : values) setenv(name.c_str(), value.c_str(), 1);
    }
    ~Environment() {
        for (const auto& [name, value] : before_)
            value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

  private:
    std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

TEST(HttpClient, ProxiesOfTheEnvironment) {
    ScriptedServer proxy([](Connection& peer) {
        while (peer.read_request()) peer.respond(200, "by proxy");
    });
    ScriptedServer server([](Connection& peer) {
        while (peer.read_request()) peer.respond(200, "straight");
    });
    HttpOptions options = plain_options();
    Environment environment({{"http_proxy", proxy.url()}});
    EXPECT_EQ(get(*make_http_client(options), server.url("/")).body, "straight");
    options.use_proxy = true;
    auto client = make_http_client(options);
    EXPECT_EQ(get(*client, server.url("/")).body, "by proxy");
    EXPECT_EQ(get(*client, "http://vault.invalid/x").body, "by proxy");
    EXPECT_EQ(proxy.requests().at(1).line(), "GET http://vault.invalid/x HTTP/1.1");
    Environment exception({{"http_proxy", proxy.url()}, {"no_proxy", "127.0.0.1"}});
    EXPECT_EQ(get(*client, server.url("/")).body, "straight");
}

TEST(HttpClient, ProxiesThatRefuse) {
    std::atomic<int> status = 407;
    ScriptedServer proxy([&](Connection& peer) {
        if (peer.read_request()) peer.respond(status, "");
    });
    Environment environment({{"https_proxy", proxy.url()}});
    HttpOptions options = plain_options();
    options.use_proxy = true;
    auto client = make_http_client(options);
    Error error = error_of([&] { get(*client, "https://vault.invalid/"); });
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr("the proxy refused the connection with status 407"));
    status = 502;
    EXPECT_EQ(error_of([&] { get(*client, "https://vault.invalid/"); }).kind(), Kind::transient);
}

}  // namespace
}  // namespace icecore::cloud
