// Mails as Python's email package reads them.

#include "report/mail_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "archive/frame.h"
#include "base/test_dir.h"
#include "read_mail.h"

namespace icecore::report {
namespace {

using ::testing::HasSubstr;
using testing::header_of;
using ::testing::Not;
using testing::read_mail;

class MailMessageTest : public ::testing::Test {
  protected:
    MailMessageTest() {
        mail_.from = "icecore@attic.example";
        mail_.to = {"ann@example.org", "bob@example.org"};
        mail_.subject = "icecore attic/home: 7 runs ok, 1.21 GiB added";
        mail_.date = {1795912593, 5};
        mail_.message_id = make_message_id("home 7", "attic.example");
        mail_.text = "Hello\n";
        mail_.html = "<p>Hello</p>\n";
    }
    Json read() {
        std::string path = dir_.path("mail");
        std::ofstream(path, std::ios::binary) << encode_mail(mail_);
        return read_mail(path);
    }
    TestDir dir_;
    MailMessage mail_;
};

TEST_F(MailMessageTest, EveryPartIsReadBack) {
    std::string log(300'000, 'x');
    for (std::size_t i = 0; i < log.size(); i += 61) log[i] = '\n';
    std::string zipped;
    archive::FrameEncoder({archive::Compression::Method::gzip, 6}).encode(log, zipped);
    mail_.attachments = {{"home.log.gz", "application/gzip", zipped}};
    Json mail = read();
    EXPECT_EQ(mail["structure"], Json::array({"multipart/mixed", "multipart/alternative", "text/plain",
                                              "text/html", "application/gzip"}));
    EXPECT_EQ(header_of(mail, "From"), mail_.from);
    EXPECT_EQ(mail["to"], Json::array({"ann@example.org", "bob@example.org"}));
    EXPECT_EQ(header_of(mail, "Subject"), mail_.subject);
    EXPECT_EQ(header_of(mail, "Message-ID"), "<" + mail_.message_id + ">");
    EXPECT_EQ(mail["date"], 1795912593.0);
    EXPECT_EQ(mail["parts"][0]["content"], "Hello\n");
    EXPECT_EQ(mail["parts"][1]["content"], "<p>Hello</p>\n");
    EXPECT_EQ(mail["parts"][2]["name"], "home.log.gz");
    EXPECT_EQ(mail["parts"][2]["content"], log);
}

TEST_F(MailMessageTest, ALineStaysALineHoweverLong) {
    mail_.text = std::string(5000, 'a') + " \n" +
                 "trailing \t\n=20 = signs\n.\n..\nFrom here\nz\xc3\xbcrich " + std::string(74, 'b') + "=\n" +
                 std::string(75, 'c') + "\n" + std::string(76, 'd') + "\n" + std::string(77, 'e') + "\n" +
                 std::string(75, 'f') + " \n--=_mixed_\n\nend\n";
    EXPECT_EQ(read()["parts"][0]["content"], mail_.text);
}

TEST_F(MailMessageTest, NamesInASubjectAreData) {
    mail_.subject = "x\r\nBcc: eve@example.org\r\n\r\n<script>\xff";
    Json mail = read();
    EXPECT_EQ(header_of(mail, "Subject"), "x\\x0d\\x0aBcc: eve@example.org\\x0d\\x0a\\x0d\\x0a<script>\\xff");
    for (const Json& field : mail["headers"]) EXPECT_NE(field[0], "Bcc");
    mail_.subject = "=?UTF-8?B?ZXZpbA==?= ";
    EXPECT_EQ(header_of(read(), "Subject"), "=?UTF-8?B?ZXZpbA==?= ");
    mail_.subject.clear();
    for (int i = 0; i < 60; ++i)
        mail_.subject +=
            "gr\xc3\xb6\xc3\x9f"
            "er \xf0\x9f\x98\x80 ";
    mail_.subject += "end";
    EXPECT_EQ(header_of(read(), "Subject"), mail_.subject);
    mail_.subject = "a  b " + std::string(70, 'w') + " " + std::string(70, 'v') + "  d";
    EXPECT_EQ(header_of(read(), "Subject"), mail_.subject);
}

TEST_F(MailMessageTest, HtmlShowsNamesAsTheyAre) {
    std::string name = "a<script>alert('1')</script>&amp;\"\x1b[31m\xff\n";
    EXPECT_EQ(escape_html(name),
              "a&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;&quot;\\x1b[31m\\xff\n");
    EXPECT_EQ(escape_html("z\xc3\xbcrich\\x0a"), "z\xc3\xbcrich\\x0a");
}

TEST(MailAddress, IsPlain) {
    for (std::string_view good :
         {"ann@example.org", "root", "a.b+c@x-y.example", "a@[127.0.0.1]", "x@localhost"})
        EXPECT_EQ(mail_address_fault(good), "") << good;
    for (std::string_view bad : {"", "@", "ann@", "@example.org", "ann example.org", "Ann <ann@example.org>",
                                 "ann@example.org\r\nBcc: x@y", "ann@exam ple.org", "ann@@example.org",
                                 "-froot", ".a@b", "a..b@c", "a@b.", "a@.b", "\"a b\"@c",
                                 "z\xc3\xbcrich@example.org", "a@z\xc3\xbcrich.example", "a,b@c", "a@[]"})
        EXPECT_NE(mail_address_fault(bad), "") << bad;
    EXPECT_NE(mail_address_fault(std::string(300, 'a')), "");
}

TEST(MessageId, IsTheSameForTheSame) {
    EXPECT_EQ(make_message_id("a", "h"), make_message_id("a", "h"));
    EXPECT_NE(make_message_id("a", "h"), make_message_id("b", "h"));
    EXPECT_THAT(make_message_id("a", "bad host\r\n>"), ::testing::EndsWith("@bad-host---"));
    EXPECT_THAT(make_message_id("a", ""), ::testing::EndsWith("@localhost"));
}

}  // namespace
}  // namespace icecore::report
