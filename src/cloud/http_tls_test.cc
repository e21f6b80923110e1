#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "base/test_dir.h"
#include "cloud/http.h"
#include "cloud/test_server.h"

namespace icecore::cloud {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = Error::Kind;

/// `openssl s_server` on a loopback port, with a certificate of its own for "localhost".
class TlsServer {
  public:
    TlsServer() {
        std::string make = format(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
            "/CN=localhost "
            "-addext subjectAltName=DNS:localhost -keyout {} -out {} 2>/dev/null",
            key(), certificate());
        if (std::system(make.c_str()) != 0) throw Error(Kind::io, "openssl req failed");
        start();
    }
    ~TlsServer() { end(); }
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    std::string certificate() const { return dir_.path("cert.pem"); }
    std::string url(const std::string& host) const { return format("https://{}:{}/", host, port_); }
    void end() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

  private:
    std::string key() const { return dir_.path("key.pem"); }

    void start() {
        int ends[2];
        if (pipe(ends) != 0) throw_errno("making a pipe");
        Fd output(ends[0]);
        Fd input(ends[1]);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, input.get(), 1);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addclose(&actions, output.get());
        std::vector<std::string> words = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
                                          "-key",    key(),      "-cert",   certificate()};
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        int code = posix_spawnp(&pid_, "openssl", &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (code != 0) throw Error::from_errno(code, "starting openssl s_server");
        input.reset();
        port_ = read_port(output.get());
    }
    /// It says "ACCEPT 127.0.0.1:PORT" once it listens.
    static int read_port(int fd) {
        constexpr std::string_view kBefore = "ACCEPT 127.0.0.1:";
        std::string said;
        for (char c; read_full(fd, &c, 1) == 1; said += c) {
            std::size_t at = said.find(kBefore);
            if (c == '\n' && at != std::string::npos) return std::atoi(said.c_str() + at + kBefore.size());
        }
        throw Error(Kind::io, "openssl s_server said: " + said);
    }

    TestDir dir_;
    pid_t pid_ = 0;
    int port_ = 0;
};

HttpOptions options_with(const std::string& ca_bundle) {
    HttpOptions options;
    options.use_proxy = false;
    options.ca_bundle = ca_bundle;
    return options;
}

HttpResponse get(const HttpOptions& options, const std::string& url) {
    HttpRequest request;
    request.method = "GET";
    request.url = url;
    return make_http_client(options)->send(request);
}

TEST(HttpTls, TrustedByTheBundle) {
    TlsServer server;
    HttpResponse response = get(options_with(server.certificate()), server.url("localhost"));
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.body, HasSubstr("Protocol  : TLSv1.3"));
}

TEST(HttpTls, UntrustedIsDenied) {
    TlsServer server;
    Error error = error_of([&] { get(options_with(""), server.url("localhost")); });
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.message(), AllOf(HasSubstr("localhost"), HasSubstr("certificate is not accepted")));
    EXPECT_THAT(error.hint(), HasSubstr("AWS_CA_BUNDLE"));
}

TEST(HttpTls, AnotherHostsCertificateIsDenied) {
    TlsServer server;
    Error error = error_of([&] { get(options_with(server.certificate()), server.url("127.0.0.1")); });
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr("127.0.0.1"));
}

TEST(HttpTls, BundleReplacesTheSystems) {
    TlsServer server;
    TlsServer other;
    EXPECT_EQ(error_of([&] { get(options_with(other.certificate()), server.url("localhost")); }).kind(),
              Kind::denied);
}

TEST(HttpTls, UnusableBundlesAreInvalid) {
    TlsServer server;
    TestDir dir;
    std::ofstream(dir.path("nonsense.pem")) << "nonsense\n";
    for (const std::string& bundle : {dir.path("missing.pem"), dir.path("nonsense.pem")}) {
        Error error = error_of([&] { get(options_with(bundle), server.url("localhost")); });
        EXPECT_EQ(error.kind(), Kind::invalid);
        EXPECT_THAT(error.message(), HasSubstr(bundle));
    }
}

TEST(HttpTls, PlainServerIsNoTls) {
    ScriptedServer server([](Connection& peer) {
        if (!peer.respond(400, "plain")) return;
        peer.stall();
    });
    Error error = error_of([&] { get(options_with(""), format("https://127.0.0.1:{}/", server.port())); });
    EXPECT_EQ(error.kind(), Kind::transient);
    EXPECT_THAT(error.hint(), HasSubstr("https"));
}

TEST(HttpTls, PeerThatDiesInAnUploadDoesNotEndUs) {
    TlsServer server;
    class Killer final : public RandomAccessSource {
      public:
        explicit Killer(TlsServer& victim) : victim_(victim) {}
        std::uint64_t size_bytes() const override { return std::uint64_t{1} << 40; }
        void read(std::uint64_t offset, char* buffer, std::size_t size) override {
            std::fill_n(buffer, size, '\n');
            if (offset > 0) victim_.end();
        }

      private:
        TlsServer& victim_;
    } killer(server);
    HttpRequest request;
    request.method = "PUT";
    request.url = server.url("localhost");
    request.content = &killer;
    request.content_bytes = killer.size_bytes();
    auto client = make_http_client(options_with(server.certificate()));
    EXPECT_EQ(error_of([&] { client->send(request); }).kind(), Kind::transient);
}

}  // namespace
}  // namespace icecore::cloud
