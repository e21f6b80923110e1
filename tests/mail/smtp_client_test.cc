// The mail client against a mail server that we did not write.

#include "cloud/smtp_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/test_server.h"
#include "smtp_server.h"

namespace icecore::cloud {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::SelfSigned;
using testing::SmtpServer;

const SmtpEnvelope kEnvelope = {.from = "icecore@attic.example",
                                .to = {"ann@example.org", "bob@example.org"}};
constexpr std::string_view kMessage = "Subject: Hello\r\n\r\nDots:\r\n.\r\n..\r\nend\r\n";

class SmtpClientTest : public ::testing::Test {
  protected:
    void send(const SmtpServer& server) {
        options_.url = options_.url.empty() ? server.url() : options_.url;
        send_mail(options_, kEnvelope, kMessage);
    }
    Error error(const SmtpServer& server) {
        return error_of([&] { send(server); });
    }
    void log_in() { options_.user = "ann", options_.password = "s3cret word"; }

    void SetUp() override { options_.hello_name = "attic.example"; }

    SmtpOptions options_;
    SelfSigned tls_;
};

TEST_F(SmtpClientTest, AMessageArrivesAsItIs) {
    SmtpServer server;
    send(server);
    ASSERT_EQ(server.count(), 1U);
    EXPECT_EQ(server.mail(1), kMessage);
    Json facts = server.facts(1);
    EXPECT_EQ(facts["from"], "icecore@attic.example");
    EXPECT_EQ(facts["to"], Json::array({"ann@example.org", "bob@example.org"}));
    EXPECT_EQ(facts["hello"], "attic.example");
    EXPECT_EQ(facts["tls"], false);
}

TEST_F(SmtpClientTest, StartTlsIsUsedWhereItIsOffered) {
    SmtpServer server(tls_.options({"--require-starttls"}));
    send(server);  // on this machine any certificate will do
    EXPECT_EQ(server.facts(1)["tls"], true);
    options_.starttls_required = true;
    Error untrusted = error(server);
    EXPECT_EQ(untrusted.kind(), Error::Kind::denied);
    EXPECT_THAT(untrusted.message(), HasSubstr("the server's certificate is not accepted"));
    options_.ca_bundle = tls_.certificate();
    send(server);
    EXPECT_EQ(server.facts(2)["tls"], true);
    EXPECT_EQ(server.count(), 2U);
}

TEST_F(SmtpClientTest, RequiredTlsIsNotGoneWithout) {
    SmtpServer server;
    options_.starttls_required = true;
    Error refused = error(server);
    EXPECT_EQ(refused.kind(), Error::Kind::denied);
    EXPECT_THAT(refused.message(), HasSubstr("the server offers no STARTTLS"));
    EXPECT_EQ(server.count(), 0U);
}

TEST_F(SmtpClientTest, SmtpsSpeaksTlsAtOnce) {
    SmtpServer server(tls_.options({"--smtps", "--auth", "ann:s3cret word"}));
    options_.url = format("smtps://localhost:{}", server.port());
    log_in();
    EXPECT_THAT(error(server).message(), HasSubstr("certificate is not accepted"));
    options_.ca_bundle = tls_.certificate();
    send(server);
    EXPECT_EQ(server.facts(1)["user"], "ann");
}

TEST_F(SmtpClientTest, LogsInOverTls) {
    SmtpServer server(tls_.options({"--require-starttls", "--auth", "ann:s3cret word"}));
    log_in();
    send(server);
    EXPECT_EQ(server.facts(1)["user"], "ann");
    EXPECT_EQ(server.facts(1)["tls"], true);
    options_.password = "wrong";
    Error refused = error(server);
    EXPECT_EQ(refused.kind(), Error::Kind::denied);
    EXPECT_THAT(refused.message(), HasSubstr("login refused: 535"));
    EXPECT_THAT(refused.message(), Not(HasSubstr("wrong")));
    options_.user.clear();
    EXPECT_THAT(error(server).message(), HasSubstr("530"));
    EXPECT_EQ(server.count(), 1U);
}

TEST_F(SmtpClientTest, AServerThatAsksForNoLoginIsGivenNone) {
    SmtpServer server;
    log_in();
    send(server);
    EXPECT_EQ(server.facts(1)["user"], nullptr);
}

TEST_F(SmtpClientTest, APasswordInPlainTextStaysOnThisMachine) {
    SmtpServer server({"--auth", "ann:s3cret word", "--auth-plain"});
    log_in();
    send(server);
    EXPECT_EQ(server.facts(1)["user"], "ann");
    EXPECT_EQ(server.facts(1)["tls"], false);
    // 0.0.0.0 reaches the same server, but nothing says so.
    options_.url = format("smtp://0.0.0.0:{}", server.port());
    Error refused = error(server);
    EXPECT_EQ(refused.kind(), Error::Kind::denied);
    EXPECT_THAT(refused.hint(), HasSubstr("to this machine only"));
    EXPECT_EQ(server.count(), 1U);
}

TEST_F(SmtpClientTest, ARefusalTellsWhatTheServerSaid) {
    SmtpServer lasting({"--refuse", "550 no such user here"});
    Error refused = error(lasting);
    EXPECT_EQ(refused.kind(), Error::Kind::denied);
    EXPECT_THAT(refused.message(),
                HasSubstr("mail server 127.0.0.1: the message was refused: 550 no such user here"));
    options_.url.clear();
    SmtpServer passing({"--refuse", "451 come again"});
    EXPECT_EQ(error(passing).kind(), Error::Kind::transient);
}

TEST_F(SmtpClientTest, ARefusedRecipientKeepsNobodyElseFromGettingIt) {
    std::size_t other = 1;
    for (const std::string& address : kEnvelope.to) {
        SmtpServer server({"--refuse", "550 no such user here", "--refuse-only", address});
        options_.url = server.url();
        std::vector<RefusedRecipient> refused = send_mail(options_, kEnvelope, kMessage);
        EXPECT_EQ(refused, (std::vector<RefusedRecipient>{{address, "550 no such user here"}}));
        ASSERT_EQ(server.count(), 1U);
        EXPECT_EQ(server.mail(1), kMessage);
        EXPECT_EQ(server.facts(1)["to"], Json::array({kEnvelope.to[other--]}));
    }
}

TEST_F(SmtpClientTest, ARefusedRecipientIsNotToBlameForWhatFailsAfterIt) {
    SmtpServer server({"--refuse", "550 no such user here", "--refuse-only", kEnvelope.to[0], "--hang-data"});
    options_.total_timeout_ms = 400;
    Error slow = error(server);
    EXPECT_EQ(slow.kind(), Error::Kind::transient);
    EXPECT_THAT(slow.message(), AllOf(HasSubstr("it took too long"), Not(HasSubstr("550"))));
}

TEST_F(SmtpClientTest, AServerThatIsDownOrHangsIsNotWaitedForLong) {
    SmtpServer server({"--hang-data"});
    options_.total_timeout_ms = 400;
    Error slow = error(server);
    EXPECT_EQ(slow.kind(), Error::Kind::transient);
    EXPECT_THAT(slow.message(), HasSubstr("it took too long"));
    server.end();
    Error down = error(server);
    EXPECT_EQ(down.kind(), Error::Kind::transient);
    EXPECT_THAT(down.message(), HasSubstr("no connection"));

    ScriptedServer silent([](Connection& connection) { connection.read_request(); });
    options_.url = format("smtp://127.0.0.1:{}", silent.port());
    EXPECT_THAT(error(server).message(), HasSubstr("it took too long"));
}

TEST_F(SmtpClientTest, AddressesCannotHoldCommands) {
    SmtpServer server;
    options_.url = server.url();
    for (std::string address : {"", "a b@c", "a@b>\r\nRCPT TO:<x@y", "<a@b>", "a@b\n"}) {
        EXPECT_EQ(error_of([&] {
                      send_mail(options_, {"a@b", {address}}, kMessage);
                  }).kind(),
                  Error::Kind::invalid)
            << address;
        EXPECT_EQ(error_of([&] {
                      send_mail(options_, {address, {"a@b"}}, kMessage);
                  }).kind(),
                  Error::Kind::invalid)
            << address;
    }
    EXPECT_EQ(server.count(), 0U);
}

TEST(SmtpUrl, IsAHostAndAPort) {
    SmtpUrl url = parse_smtp_url("smtp://mail.example.org:587/");
    EXPECT_EQ(url.host + "|" + url.port, "mail.example.org|587");
    EXPECT_FALSE(url.tls || url.loopback());
    EXPECT_TRUE(parse_smtp_url("smtps://[::1]:465").loopback());
    EXPECT_EQ(parse_smtp_url("smtps://[::1]:465").port, "465");
    EXPECT_TRUE(parse_smtp_url("smtp://localhost").loopback());
    EXPECT_TRUE(parse_smtp_url("smtp://127.1.2.3").loopback());
    EXPECT_FALSE(parse_smtp_url("smtp://127.evil.example").loopback());
    EXPECT_FALSE(parse_smtp_url("smtp://localhost.evil.example").loopback());
    for (std::string_view text :
         {"", "mail.example.org", "http://x", "smtp://", "smtp://x:", "smtp://x:0", "smtp://x:65536",
          "smtp://x:25x", "smtp://x/path", "smtp://a b", "smtp://x?y", "smtp://[::1", "smtp://a:b:c"})
        EXPECT_EQ(error_of([&] { parse_smtp_url(text); }).kind(), Error::Kind::invalid) << text;
    EXPECT_THAT(error_of([] { parse_smtp_url("smtp://ann:s3cret@x"); }).message(), Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace icecore::cloud
