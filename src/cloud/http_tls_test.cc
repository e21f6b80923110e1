#include <gmock/gmock.h>

#include <fstream>

#include "base/test_dir.h"
#include "cloud/http.h"
#include "cloud/test_server.h"
#include "cloud/test_tls_server.h"

namespace icecore::cloud {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = Error::Kind;

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
    EXPECT_THAT(error.hint(), HasSubstr("another host's"));
}

TEST(HttpTls, ExpiredIsDenied) {
    TlsServer server(TlsServer::Validity::long_ago);
    Error error = error_of([&] { get(options_with(server.certificate()), server.url("localhost")); });
    EXPECT_EQ(error.kind(), Kind::denied);
    EXPECT_THAT(error.message(), HasSubstr("expired"));
    EXPECT_THAT(error.hint(), AllOf(HasSubstr("clock"), HasSubstr("renew")));
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
