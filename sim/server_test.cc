#include "sim/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace icecore::sim {
namespace {

/// A connection of a client that says what it likes.
class Peer {
  public:
    explicit Peer(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
        if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) throw_errno("connecting");
    }
    void say(const std::string& text) {
        ASSERT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// What comes until `end` has come, or the connection ends.
    std::string hear(const std::string& end) {
        std::string out;
        char c = 0;
        while (!out.ends_with(end) && ::recv(fd_.get(), &c, 1, 0) == 1) out += c;
        return out;
    }
    std::string hear_all() {
        std::string out;
        std::array<char, 65536> buffer;
        ssize_t got = 0;
        while ((got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0)) > 0)
            out.append(buffer.data(), static_cast<std::size_t>(got));
        broken_ = got < 0;
        return out;
    }
    bool broken() const { return broken_; }
    void leave() { fd_.reset(); }

  private:
    Fd fd_;
    bool broken_ = false;
};

/// Answers with the body's length, or as the path says.
Answer echo(const Request& request, RequestBody& body) {
    Answer answer;
    if (request.path == "/drop") answer.drop = true;
    if (request.path == "/hang") answer.hang_ms = 3'600'000;
    if (request.path == "/cut") answer.delivery.cut_after_bytes = 3;
    if (request.path == "/corrupt") answer.delivery.corrupt_byte_at = 4;
    if (request.path == "/endless") answer.delivery.endless = true;
    if (request.path == "/throw") throw Error(Error::Kind::io, "broken");
    if (request.path == "/refuse") return answer;  // without reading the body
    std::uint64_t size = 0;
    Buffer piece;
    for (body.next(piece); !piece.empty(); body.next(piece)) size += piece.size();
    answer.response.body = "size=" + std::to_string(size);
    return answer;
}

class ServerTest : public testing::Test {
  protected:
    ~ServerTest() override {
        server_.stop();
        thread_.join();
    }
    std::string ask(const std::string& text) {
        Peer peer(server_.address());
        peer.say(text);
        return peer.hear_all();
    }

    Server server_{"127.0.0.1:0", echo};
    std::thread thread_{[this] { server_.run(); }};
};

TEST_F(ServerTest, KeepsConnectionsAlive) {
    Peer peer(server_.address());
    for (int i = 0; i < 3; ++i) {
        peer.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345");
        EXPECT_TRUE(peer.hear("size=5").starts_with("HTTP/1.1 200 OK\r\n"));
    }
    peer.say("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    std::string both = peer.hear_all();
    EXPECT_NE(both.find("size=0HTTP/1.1 200 OK"), std::string::npos) << both;
}

TEST_F(ServerTest, SaysContinueBeforeItReads) {
    Peer peer(server_.address());
    peer.say("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(peer.hear("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.say("abc");
    EXPECT_TRUE(peer.hear("size=3").ends_with("size=3"));
}

TEST_F(ServerTest, RefusesWithoutReadingWhatWasNotSentYet) {
    Peer peer(server_.address());
    peer.say(
        "PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n");
    std::string answer = peer.hear("\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK")) << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, RefusesWhatIsNoHttp) {
    for (const char* text :
         {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"})
        EXPECT_TRUE(ask(text).starts_with("HTTP/1.1 400 ")) << text;
    EXPECT_TRUE(ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").starts_with("HTTP/1.1 411 "));
    EXPECT_TRUE(ask("GET / HTTP/1.1\r\nA: " + std::string(kHeadBytesMax, 'x')).starts_with("HTTP/1.1 400 "));
}

TEST_F(ServerTest, AnswersAnErrorOfItsOwn) {
    EXPECT_TRUE(ask("GET /throw HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 500 "));
}

TEST_F(ServerTest, BreaksConnectionsOnOrder) {
    Peer peer(server_.address());
    peer.say("GET /drop HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(peer.hear_all(), "");
    EXPECT_TRUE(peer.broken());
    std::string cut = ask("GET /cut HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(cut.find("size="), std::string::npos) << cut;
    std::string corrupt = ask("GET /corrupt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(corrupt.ends_with("size<0")) << corrupt;
}

TEST_F(ServerTest, HangsAndNeverEndsOnOrderUntilItIsStopped) {
    Peer hanging(server_.address());
    hanging.say("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
    Peer endless(server_.address());
    endless.say("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string begin = endless.hear("size=0      ");
    EXPECT_TRUE(begin.ends_with("size=0      "));
    EXPECT_EQ(begin.find("Content-Length"), std::string::npos);
    server_.stop();
    EXPECT_EQ(hanging.hear_all(), "");
}

TEST_F(ServerTest, SurvivesPeersThatLeaveInTheMiddle) {
    for (int i = 0; i < 20; ++i) {
        Peer peer(server_.address());
        peer.say("PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\nonly some");
        peer.leave();
    }
    EXPECT_TRUE(ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").ends_with("size=0"));
}

TEST(ServerAddress, MustBeOne) {
    for (const char* bad : {"", "127.0.0.1", "localhost:0", "127.0.0.1:99999", "1.2.3.4.5:0"})
        EXPECT_THROW(Server(bad, echo), Error) << bad;
}

}  // namespace
}  // namespace icecore::sim
