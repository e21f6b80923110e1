// Backups that tell of themselves by mail, from the command line to the mail server.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/format.h"
#include "cli/test_io.h"
#include "read_mail.h"
#include "report/mail_queue.h"
#include "smtp_server.h"

namespace icecore::cli {
namespace {

using ::testing::HasSubstr;
using testing::header_of;
using ::testing::MatchesRegex;
using ::testing::Not;
using testing::read_mail;
using testing::SelfSigned;
using testing::SmtpServer;

/// While alive, root is a user who may not read everything, and owns `dir`.
class Nobody {
  public:
    explicit Nobody(const std::string& dir) {
        if (geteuid() != 0) return;
        constexpr uid_t kNobody = 65534;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(dir))
            CHECK(chown(entry.path().c_str(), kNobody, kNobody) == 0);
        CHECK(chown(dir.c_str(), kNobody, kNobody) == 0);
        changed_ = seteuid(kNobody) == 0;
        CHECK(changed_);
    }
    Nobody(const Nobody&) = delete;
    Nobody& operator=(const Nobody&) = delete;
    ~Nobody() {
        if (changed_) CHECK(seteuid(0) == 0);
    }

  private:
    bool changed_ = false;
};

class MailReportTest : public ::testing::Test {
  protected:
    MailReportTest() {
        setenv("TZ", "UTC", 1);
        tzset();
        program_.clock.set(SystemClock().now());
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        program_.environment["XDG_STATE_HOME"] = dir_ / "state";
        write_text(dir_ / "data/one.txt", "one");
    }
    /// `report` goes into [report] after the address.
    void configure(const std::string& report, const std::string& set = "") {
        write_text(dir_ / "icecore.toml",
                   format("[report]\nemail = \"ann@example.org\"\n{}\n[[set]]\nname = \"home\"\ndata = "
                          "\"{}\"\nbackup = \"{}\"\n{}\n",
                          report, dir_ / "data", dir_ / "backup", set));
    }
    void configure(const SmtpServer& server, const std::string& more = "every = 1") {
        configure(format("smtp = \"{}\"\ntimeout = \"1s\"\n{}", server.url(), more));
    }
    int backup() {
        int status = program_.run({"backup"});
        program_.clock.advance_ns(86'400'000'000'000);
        return status;
    }
    static Json mail(const SmtpServer& server, std::size_t number) {
        return read_mail(server.mail_file(number));
    }
    static std::string text(const Json& mail) { return mail["parts"][0]["content"]; }
    static std::string html(const Json& mail) { return mail["parts"][1]["content"]; }
    static std::string subject(const Json& mail) { return header_of(mail, "Subject"); }
    std::string err() const { return program_.err.str(); }

    TempDir dir_;
    TestProgram program_;
};

TEST_F(MailReportTest, SevenRunsAreOneMail) {
    SmtpServer server;
    configure(server, "");
    for (int i = 1; i <= 15; ++i) {
        write_text(dir_ / format("data/file-{}", i), std::string(1000, 'x'));
        ASSERT_EQ(backup(), kDone) << err();
        ASSERT_EQ(server.count(), static_cast<std::size_t>(i / 7)) << i;
    }
    Json first = mail(server, 1);
    Json second = mail(server, 2);
    EXPECT_THAT(subject(first), MatchesRegex("icecore attic/home: 7 runs ok, .* KiB added"));
    EXPECT_EQ(header_of(first, "From"), "icecore@attic");
    EXPECT_EQ(server.facts(1)["to"], Json::array({"ann@example.org"}));
    EXPECT_THAT(text(first), HasSubstr("added"));
    EXPECT_THAT(text(first), HasSubstr("file-7"));
    EXPECT_THAT(text(first), Not(HasSubstr("file-8")));
    EXPECT_THAT(text(second), HasSubstr("file-8"));
    EXPECT_THAT(text(second), HasSubstr("file-14"));
    ASSERT_EQ(second["parts"].size(), 9U);  // text, HTML, seven logs
    EXPECT_THAT(second["parts"][2]["name"], MatchesRegex("home-000014-incr-.*\\.log\\.gz"));
    EXPECT_THAT(second["parts"][2]["content"], HasSubstr("finished"));
}

TEST_F(MailReportTest, AServerThatIsDownForThreeRunsGetsOneMailOfAll) {
    SmtpServer server;
    configure(server);
    server.end();
    for (int i = 1; i <= 3; ++i) {
        write_text(dir_ / format("data/file-{}", i), "x");
        ASSERT_EQ(backup(), kUnreported);
        EXPECT_THAT(
            err(),
            HasSubstr("set home: the report could not be mailed: mail server 127.0.0.1: no connection"));
        EXPECT_THAT(program_.out.str(), HasSubstr(format("run {} (", i)));  // the backup is what it is
    }
    ASSERT_EQ(program_.run({"status"}), kDone) << err();
    EXPECT_THAT(program_.out.str(), HasSubstr("mail      none sent yet; 3 runs not told of yet\n"));
    EXPECT_THAT(program_.out.str(), HasSubstr("warning   the report could not be mailed, 24 h 00 min ago: "));
    EXPECT_EQ(program_.run({"status", "--check", "--max-age", "9d"}), kFailed);
    ASSERT_EQ(program_.run({"status", "--json"}), kDone);
    EXPECT_THAT(program_.out.str(),
                HasSubstr("\"mail\":{\"waiting_runs\":3,\"waiting_failures\":0,\"tries\":3,"));
    server.start({});
    ASSERT_EQ(backup(), kDone) << err();
    ASSERT_EQ(server.count(), 1U);
    Json only = mail(server, 1);
    EXPECT_THAT(subject(only), HasSubstr("4 runs ok"));
    for (const char* name : {"file-1", "file-2", "file-3"}) EXPECT_THAT(text(only), HasSubstr(name));
    ASSERT_EQ(backup(), kDone);
    EXPECT_THAT(subject(mail(server, 2)), HasSubstr("1 run ok"));
}

TEST_F(MailReportTest, ARunThatNeverBeganIsMailedAtOnce) {
    SmtpServer server;
    configure(server, "");
    ASSERT_EQ(backup(), kDone);
    std::filesystem::rename(dir_ / "data", dir_ / "gone");
    EXPECT_EQ(backup(), kFailed);
    ASSERT_EQ(server.count(), 1U);
    Json failed = mail(server, 1);
    EXPECT_THAT(subject(failed),
                MatchesRegex("icecore attic/home: FAILED: data directory: .*No such file.*"));
    EXPECT_THAT(text(failed), HasSubstr("hint: is the disk mounted?"));
    std::filesystem::rename(dir_ / "gone", dir_ / "data");
    Fd lock = open_file(dir_ / "backup/.lock", O_RDWR);
    ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
    EXPECT_EQ(backup(), kFailed);
    EXPECT_THAT(subject(mail(server, 2)), HasSubstr("FAILED: another run holds the lock"));
    lock.reset();
    ASSERT_EQ(backup(), kDone);
    EXPECT_EQ(server.count(), 2U);
}

TEST_F(MailReportTest, FailuresWaitForTheMailServerEvenWithoutABackupDirectory) {
    SmtpServer server;
    configure(server, "");
    server.end();
    write_text(dir_ / "icecore.toml", read_file(dir_ / "icecore.toml") + "full_every = \"never\"\n");
    std::string config = read_file(dir_ / "icecore.toml");
    std::string away = config;
    away.replace(away.find(dir_ / "backup"), (dir_ / "backup").size(), dir_ / "missing/backup");
    write_text(dir_ / "icecore.toml", away);
    EXPECT_EQ(backup(), kFailed);
    EXPECT_THAT(err(), HasSubstr("the report could not be mailed"));
    EXPECT_THAT(err(), Not(HasSubstr("queued")));
    EXPECT_EQ(backup(), kFailed);
    std::filesystem::create_directories(dir_ / "missing");
    server.start({});
    EXPECT_EQ(backup(), kDone) << err();
    ASSERT_EQ(server.count(), 1U);
    Json late = mail(server, 1);
    EXPECT_THAT(subject(late), HasSubstr("FAILED 2 times, works again: 1 run"));
    EXPECT_THAT(text(late), HasSubstr("missing/backup"));
    EXPECT_EQ(backup(), kDone);
    EXPECT_EQ(server.count(), 1U);
}

TEST_F(MailReportTest, WhatIsQueuedOutlivesTheCatalogueAndARebuild) {
    SmtpServer server;
    configure(server, "");
    for (int i = 0; i < 3; ++i) ASSERT_EQ(backup(), kDone);
    for (const char* name : {"catalog.db", "catalog.db-wal", "catalog.db-shm"})
        std::filesystem::remove(dir_ / format("backup/{}", name));
    ASSERT_EQ(program_.run({"rebuild"}), kDone) << err();
    for (int i = 0; i < 4; ++i) ASSERT_EQ(backup(), kDone);
    ASSERT_EQ(server.count(), 1U);
    EXPECT_THAT(subject(mail(server, 1)), HasSubstr("7 runs ok"));
    ASSERT_EQ(program_.run({"rebuild"}), kDone) << err();
    for (int i = 0; i < 6; ++i) ASSERT_EQ(backup(), kDone);
    EXPECT_EQ(server.count(), 1U);
    // A state that is lost or damaged means telling twice, not never.
    write_text(dir_ / "backup/mail.json", "{\"version\":1,\"mailed_th");
    ASSERT_EQ(backup(), kDone);
    EXPECT_THAT(subject(mail(server, 2)), HasSubstr("14 runs ok"));
}

TEST_F(MailReportTest, UnreadableFilesComeFirst) {
    SmtpServer server;
    configure(server, "");
    std::filesystem::create_directories(dir_ / "data/locked");
    chmod((dir_ / "data/locked").c_str(), 0);
    {
        Nobody me(dir_.path());
        EXPECT_EQ(backup(), kIncomplete) << err();
    }
    ASSERT_EQ(server.count(), 1U);
    Json only = mail(server, 1);
    EXPECT_THAT(subject(only), HasSubstr("ERRORS: 1 file not read in 1 run"));
    std::string body = text(only);
    EXPECT_THAT(body, HasSubstr("run 1: locked: "));
    EXPECT_LT(body.find("Could not be read"), body.find("Runs"));
}

TEST_F(MailReportTest, NamesAreData) {
    SmtpServer server;
    configure(server);
    write_text(dir_ / "data/a\r\nSubject: owned\r\n\r\n<script>alert(1)<", "x");
    write_text(dir_ / "data/<img src=x onerror=alert(2)>&amp;", "xx");
    write_text(dir_ / "data/bad\xff\x1b[31mname", "xxx");
    write_text(dir_ / "data/.\r\n.\r\nQUIT", "xxxx");
    ASSERT_EQ(backup(), kDone) << err();
    Json only = mail(server, 1);
    EXPECT_THAT(subject(only), HasSubstr("1 run ok"));
    EXPECT_THAT(text(only), HasSubstr("a\\x0d\\x0aSubject: owned\\x0d\\x0a\\x0d\\x0a<script>alert(1)<"));
    EXPECT_THAT(text(only), HasSubstr("bad\\xff\\x1b[31mname"));
    EXPECT_THAT(html(only), HasSubstr("&lt;script&gt;alert(1)&lt;"));
    EXPECT_THAT(html(only), HasSubstr("&lt;img src=x onerror=alert(2)&gt;&amp;amp;"));
    for (const char* tag : {"<script", "<img", "<style", "src=\"", "http"})
        EXPECT_THAT(html(only), Not(HasSubstr(tag)));
}

TEST_F(MailReportTest, LongListsAreCutAndAttachedWhole) {
    SmtpServer server;
    configure(server);
    for (std::size_t i = 0; i < 1000; ++i)
        write_text(dir_ / format("data/many/file-{:04}", i), std::string(10 + i, 'x'));
    ASSERT_EQ(backup(), kDone) << err();
    Json only = mail(server, 1);
    EXPECT_LT(text(only).size(), 20'000U);
    EXPECT_THAT(text(only), HasSubstr("more, in the logs"));
    EXPECT_THAT(text(only), HasSubstr("many/file-0999"));  // the largest
    EXPECT_THAT(text(only), Not(HasSubstr("many/file-0500")));
    EXPECT_THAT(only["parts"][2]["content"], HasSubstr("many/file-0500"));
}

TEST_F(MailReportTest, AnEncryptedTreeIsSaidAtOnce) {
    SmtpServer server;
    configure(server, "");
    for (int i = 0; i < 200; ++i) write_text(dir_ / format("data/doc-{}", i), std::string(100'000, 'a'));
    for (int i = 0; i < 2; ++i) ASSERT_EQ(backup(), kDone);
    ASSERT_EQ(server.count(), 0U);
    std::uint64_t seed = 1;
    for (int i = 0; i < 200; ++i) {
        std::string noise(100'000, '\0');
        for (char& c : noise)
            c = static_cast<char>((seed = seed * 6364136223846793005U + 1442695040888963407U) >> 56U);
        write_text(dir_ / format("data/doc-{}", i), noise);
    }
    ASSERT_EQ(backup(), kDone);
    ASSERT_EQ(server.count(), 1U);
    Json alarm = mail(server, 1);
    EXPECT_THAT(subject(alarm), HasSubstr("UNUSUAL: run 3: 99% of the files changed"));
    EXPECT_THAT(text(alarm), HasSubstr("can no longer be compressed"));
    for (int i = 0; i < 150; ++i) std::filesystem::remove(dir_ / format("data/doc-{}", i));
    ASSERT_EQ(backup(), kDone);
    EXPECT_THAT(subject(mail(server, 2)),
                HasSubstr("UNUSUAL: run 4: 74% of the files were deleted (150 of 201)"));
}

TEST_F(MailReportTest, LogsInWithAPasswordFromAFileOrACommand) {
    SelfSigned tls;
    SmtpServer server(tls.options({"--require-starttls", "--auth", "ann:s3cret word"}));
    std::string file = dir_ / "password";
    write_text(file, "s3cret word\n");
    std::string common =
        format("every = 1\nuser = \"ann\"\nstarttls = \"required\"\nca_bundle = \"{}\"\n", tls.certificate());
    configure(server, common + format("password_file = \"{}\"", file));
    chmod(file.c_str(), 0644);
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("can be read by everybody on this machine"));
    EXPECT_THAT(err(), HasSubstr("chmod 600"));
    chmod(file.c_str(), 0600);
    EXPECT_EQ(backup(), kDone) << err();
    EXPECT_EQ(server.facts(1)["user"], "ann");
    EXPECT_EQ(server.facts(1)["tls"], true);
    configure(server, common + format("password_command = \"cat '{}'\"", file));
    EXPECT_EQ(backup(), kDone) << err();
    write_text(file, "wr0ng word\n");
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("login refused"));
    EXPECT_THAT(err(), Not(HasSubstr("wr0ng")));
    EXPECT_THAT(read_file(dir_ / "backup/mail.json"), Not(HasSubstr("wr0ng")));
    configure(server, common + format("password_command = \"sh -c 'cat {}; exit 4'\"", file));
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("password_command ended with status 4"));
    EXPECT_THAT(err(), Not(HasSubstr("wr0ng")));
    EXPECT_EQ(server.count(), 2U);
}

TEST_F(MailReportTest, ServersThatRefuseOrHangCostTheMailOnly) {
    SmtpServer refusing({"--refuse", "550 no such user"});
    configure(refusing);
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("550 no such user"));
    SmtpServer hanging({"--hang-data"});
    configure(hanging);
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("it took too long"));
    SmtpServer server;
    configure(server);
    EXPECT_EQ(backup(), kDone) << err();
    EXPECT_THAT(subject(mail(server, 1)), HasSubstr("3 runs ok"));
}

TEST_F(MailReportTest, ARefusedAddressIsToldAndTheOthersGetTheirMail) {
    SmtpServer server({"--refuse", "550 no such user", "--refuse-only", "bob@example.org"});
    configure(server);
    std::string config = read_file(dir_ / "icecore.toml");
    std::string both = "ann@example.org, bob@example.org";
    write_text(dir_ / "icecore.toml", config.replace(config.find("ann@"), 15, both));
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("error: set home: the mail server did not take all addresses: "
                                 "bob@example.org: 550 no such user\n"));
    ASSERT_EQ(server.count(), 1U);
    EXPECT_EQ(server.facts(1)["to"], Json::array({"ann@example.org"}));
    EXPECT_EQ(backup(), kUnreported);
    ASSERT_EQ(server.count(), 2U);
    EXPECT_THAT(subject(mail(server, 2)), HasSubstr("1 run ok")) << "it was mailed; nothing comes again";
    EXPECT_EQ(program_.run({"report", "--send"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("bob@example.org: 550"));
    EXPECT_EQ(server.count(), 3U);
}

TEST_F(MailReportTest, ASendmailProgramDoesAsWell) {
    std::string script = dir_ / "sendmail";
    write_text(script, format("#!/bin/sh\necho \"$@\" >'{0}/arguments'; cat >'{0}/mail'\n", dir_.path()));
    chmod(script.c_str(), 0755);
    configure(format("every = 1\nfrom = \"backup@example.org\"\nsendmail = \"{}\"", script));
    ASSERT_EQ(backup(), kDone) << err();
    EXPECT_EQ(read_file(dir_ / "arguments"), "-i -t\n");
    std::string mail = read_file(dir_ / "mail");
    EXPECT_THAT(mail, Not(HasSubstr("\r")));
    EXPECT_THAT(
        mail,
        HasSubstr("From: backup@example.org\nTo: ann@example.org\nSubject: icecore attic/home: 1 run ok"));
    write_text(script, "#!/bin/sh\necho 'queue is full' >&2; exit 75\n");
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("sendmail ended with status 75: queue is full"));
    write_text(script, "#!/bin/sh\nexec sleep 1000\n");
    configure(format("every = 1\ntimeout = \"1s\"\nsendmail = \"{}\"", script));
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("did not end within 1 s"));
    configure(format("every = 1\nsendmail = \"{}\"", dir_ / "nothing"));
    EXPECT_EQ(backup(), kUnreported);
    EXPECT_THAT(err(), HasSubstr("needs no mail program on this machine"));
}

TEST_F(MailReportTest, MsmtpBringsItToTheServer) {
    SmtpServer server;
    std::string script = dir_ / "sendmail";
    write_text(dir_ / "msmtprc", format("account default\nhost 127.0.0.1\nport {}\n", server.port()));
    write_text(script,
               format("#!/bin/sh\nexec msmtp -C '{}' --from=me@example.org \"$@\"\n", dir_ / "msmtprc"));
    chmod(script.c_str(), 0755);
    chmod((dir_ / "msmtprc").c_str(), 0600);
    configure(format("every = 1\nsendmail = \"{}\"", script));
    ASSERT_EQ(backup(), kDone) << err();
    ASSERT_EQ(server.count(), 1U);
    EXPECT_EQ(server.facts(1)["to"], Json::array({"ann@example.org"}));
    EXPECT_THAT(subject(mail(server, 1)), HasSubstr("1 run ok"));
}

TEST_F(MailReportTest, ATargetThatIsGoneIsMailedAtOnce) {
    SmtpServer server;
    configure(server, "");
    write_text(dir_ / "icecore.toml",
               read_file(dir_ / "icecore.toml") +
                   format("[set.target]\ntype = \"dir\"\npath = \"{}\"\n", dir_ / "usb"));
    EXPECT_EQ(backup(), kFailed);
    ASSERT_EQ(server.count(), 1U);
    EXPECT_THAT(subject(mail(server, 1)), HasSubstr("NOT OFFSITE: "));
    EXPECT_THAT(text(mail(server, 1)), HasSubstr("NOT OFFSITE: run 1"));
    EXPECT_EQ(program_.run({"upload"}), kFailed);
    ASSERT_EQ(server.count(), 2U);
    EXPECT_THAT(text(mail(server, 2)), ::testing::ContainsRegex("\nNOT OFFSITE, .*\n.*usb"));
    std::filesystem::create_directory(dir_ / "usb");
    EXPECT_EQ(backup(), kDone) << err();
    EXPECT_EQ(program_.run({"upload"}), kDone) << err();
    EXPECT_EQ(server.count(), 2U);
}

TEST_F(MailReportTest, AHookThatFailsIsMailedAtOnceWithTheRun) {
    SmtpServer server;
    configure(server, "");
    std::string config = read_file(dir_ / "icecore.toml");
    write_text(dir_ / "icecore.toml", config + "after = \"echo no space >&2; exit 3\"\n");
    EXPECT_EQ(backup(), kFailed);
    ASSERT_EQ(server.count(), 1U);
    EXPECT_THAT(subject(mail(server, 1)), HasSubstr("PROBLEM: set home: the hook \"after\" ended"));
    EXPECT_THAT(text(mail(server, 1)), HasSubstr("PROBLEM: run 1, "));
    EXPECT_THAT(text(mail(server, 1)), HasSubstr("ended with status 3: no space"));
    EXPECT_THAT(html(mail(server, 1)), HasSubstr("PROBLEM: run 1"));
    write_text(dir_ / "icecore.toml", config);
    EXPECT_EQ(backup(), kDone) << err();
    EXPECT_EQ(server.count(), 1U);
}

TEST_F(MailReportTest, TheCommandTellsTheSame) {
    SmtpServer server;
    configure(server, "");
    for (const char* name : {"first", "second", "<script>alert(1)<"}) {
        write_text(dir_ / format("data/{}", name), std::string(2000, 'x'));
        ASSERT_EQ(backup(), kDone);
    }
    ASSERT_EQ(program_.run({"report"}), kDone) << err();
    std::string all = program_.out.str();
    EXPECT_THAT(all, ::testing::StartsWith("icecore attic/home: 3 runs ok, "));
    EXPECT_THAT(all, HasSubstr("second"));
    ASSERT_EQ(program_.run({"report", "--last", "1"}), kDone) << err();
    EXPECT_THAT(program_.out.str(), ::testing::StartsWith("icecore attic/home: 1 run ok, "));
    EXPECT_THAT(program_.out.str(), Not(HasSubstr("second")));
    ASSERT_EQ(program_.run({"report", "--json", "--last", "2"}), kDone) << err();
    Json json = parse_json(program_.out.str())["sets"][0];
    EXPECT_EQ(json["runs"].size(), 2U);
    EXPECT_EQ(json["runs"][1]["run"], 3);
    EXPECT_EQ(json["failures"], Json::array());

    program_.io.cwd = dir_.path();
    ASSERT_EQ(program_.run({"report", "--html", "page.html"}), kDone) << err();
    EXPECT_EQ(program_.out.str(), "");
    std::string page = read_file(dir_ / "page.html");
    ASSERT_EQ(program_.run({"report", "--json", "--html", "page.html"}), kDone) << err();
    EXPECT_EQ(parse_json(program_.out.str())["sets"][0]["runs"].size(), 3U);
    EXPECT_THAT(page, HasSubstr("<svg "));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;"));
    for (const char* what : {"<script", "http:", "https:", "src=", "url("})
        EXPECT_THAT(page, Not(HasSubstr(what)));

    EXPECT_EQ(server.count(), 0U);
    ASSERT_EQ(program_.run({"report", "--send"}), kDone) << err();
    ASSERT_EQ(server.count(), 1U);
    EXPECT_EQ(text(mail(server, 1)), all);
    for (int i = 4; i <= 7; ++i) ASSERT_EQ(backup(), kDone);
    EXPECT_THAT(subject(mail(server, 2)), HasSubstr("7 runs ok"));
    server.end();
    EXPECT_EQ(program_.run({"report", "--send"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("no connection"));
    EXPECT_EQ(program_.run({"report", "--last", "0"}), kUsage);
    EXPECT_EQ(program_.run({"report", "--html", "no/such/page.html"}), kFailed);
    write_text(dir_ / "icecore.toml", format("[[set]]\nname = \"home\"\ndata = \"{}\"\nbackup = \"{}\"\n",
                                             dir_ / "data", dir_ / "backup"));
    EXPECT_EQ(program_.run({"report", "--send"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("names no address"));
}

TEST_F(MailReportTest, AReportComesFromASetWithoutRuns) {
    configure("");
    ASSERT_EQ(program_.run({"report"}), kDone) << err();
    EXPECT_THAT(program_.out.str(), HasSubstr("no run to tell of"));
    ASSERT_EQ(program_.run({"report", "--html", dir_ / "page.html"}), kDone) << err();
}

TEST_F(MailReportTest, RemarksOfTheLogsAreTold) {
    SmtpServer server;
    configure(server);
    ASSERT_EQ(backup(), kDone);
    program_.clock.advance_ns(-3 * 86'400'000'000'000);
    ASSERT_EQ(backup(), kDone);
    Json second = mail(server, 2);
    EXPECT_THAT(text(second), HasSubstr("  run 2: the clock is before the last run: run 1 started at "));
    EXPECT_THAT(html(second), HasSubstr("run 2: the clock is before the last run"));
}

TEST_F(MailReportTest, KilledWhileItMailsItMailsLater) {
    SmtpServer hanging({"--hang-data"});
    configure(format("smtp = \"{}\"\nevery = 1", hanging.url()));
    pid_t pid = 0;
    hanging.wait_for_data([&] {
        pid = fork();
        ASSERT_GE(pid, 0);
        if (pid > 0) return;
        execl(ICECORE_PROGRAM, "icecore", "--config", (dir_ / "icecore.toml").c_str(), "backup", "--quiet",
              nullptr);
        _exit(127);
    });
    kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));
    SmtpServer server;
    configure(server);
    program_.clock.set(SystemClock().now());
    ASSERT_EQ(backup(), kDone) << err();
    EXPECT_THAT(subject(mail(server, 1)), HasSubstr("2 runs ok"));
}

TEST_F(MailReportTest, ADryRunTellsNobody) {
    SmtpServer server;
    configure(server);
    ASSERT_EQ(program_.run({"backup", "--dry-run"}), kDone);
    EXPECT_EQ(server.count(), 0U);
}

TEST_F(MailReportTest, InitSendsATestMailAndAsksAgainForAServerThatDoesNotTakeIt) {
    SmtpServer server;
    std::filesystem::remove(dir_ / "icecore.toml");
    program_.io.in_is_terminal = program_.io.out_is_terminal = true;
    std::vector<std::string> answers = {dir_ / "data",
                                        dir_ / "backup",
                                        "none",
                                        "not an address",
                                        "ann@example.org",
                                        "localhost",
                                        "smtp://127.0.0.1:1",
                                        "no",
                                        "y",
                                        server.url(),
                                        "",
                                        "y",
                                        "no",
                                        "n"};
    std::string input;
    for (const std::string& answer : answers) input += answer + "\n";
    ASSERT_EQ(program_.run({"init"}, input), kDone) << err();
    EXPECT_THAT(err(), HasSubstr("icecore: error: expected a mail address"));
    EXPECT_THAT(err(), HasSubstr("icecore: error: expected smtp://HOST"));
    EXPECT_THAT(err(), HasSubstr("no connection"));
    EXPECT_THAT(program_.out.str(), HasSubstr("  it was taken; is it in the mailbox?\n"));
    ASSERT_EQ(server.count(), 1U);
    EXPECT_EQ(subject(mail(server, 1)), "icecore on attic: mail gets through");
    std::string config = read_file(dir_ / "icecore.toml");
    EXPECT_THAT(config, HasSubstr("\n[report]\nemail = \"ann@example.org\"\nsmtp = \"" + server.url() +
                                  "\"\n# every = 7\n"));
    EXPECT_THAT(config, Not(HasSubstr("# smtp = ")));
    ASSERT_EQ(program_.run({"backup"}), kDone) << err();
    ASSERT_EQ(program_.run({"report", "--send"}), kDone) << err();
    EXPECT_EQ(server.count(), 2U);
}

TEST_F(MailReportTest, InitLogsInWithAPasswordThatOnlyItsOwnerCanRead) {
    SmtpServer server({"--auth", "ann:s3cret word", "--auth-plain"});
    program_.io.in_is_terminal = program_.io.out_is_terminal = true;
    auto answer = [&](std::vector<std::string> last) {
        std::string input;
        for (const std::string& line :
             {dir_ / "data", dir_ / "backup", std::string("none"), std::string("ann@example.org"),
              server.url(), std::string("ann"), std::string("wr0ng word"), std::string("y"), server.url(),
              std::string("ann"), std::string("s3cret word"), std::string("y")})
            input += line + "\n";
        for (const std::string& line : last) input += line + "\n";
        return program_.run({"init"}, input);
    };
    EXPECT_EQ(answer({}), kFailed);
    EXPECT_FALSE(path_exists(dir_ / "mail-password")) << "nothing was written";

    SmtpServer open;
    std::string input;
    for (const std::string& line :
         {dir_ / "data", dir_ / "backup", std::string("none"), std::string("ann@example.org"), server.url(),
          std::string("ann"), std::string("wr0ng word"), std::string("y"), open.url(), std::string("no"),
          std::string("y"), std::string("no"), std::string("n")})
        input += line + "\n";
    EXPECT_EQ(program_.run({"init"}, input), kDone) << err();
    EXPECT_FALSE(path_exists(dir_ / "mail-password")) << "of the server that is not used";
    std::filesystem::remove(dir_ / "icecore.toml");

    write_text(dir_ / "mail-password", "another's");
    ASSERT_EQ(answer({"no", "y"}), kDone) << err();
    EXPECT_THAT(err(), HasSubstr("login refused"));
    std::string file = dir_ / "mail-password-2";
    EXPECT_EQ(read_file(file), "s3cret word\n");
    struct stat stat {};
    ASSERT_EQ(::stat(file.c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode & 07777, 0600U);
    EXPECT_EQ(read_file(dir_ / "mail-password"), "another's");
    EXPECT_THAT(read_file(dir_ / "icecore.toml"),
                HasSubstr(format("\nuser = \"ann\"\npassword_file = \"{}\"\n", file)));
    for (const std::string& text : {err(), program_.out.str(), read_file(dir_ / "icecore.toml")})
        EXPECT_THAT(text, Not(::testing::ContainsRegex("s3cret|wr0ng")));
    ASSERT_EQ(program_.run({"report", "--send"}), kDone) << err();
    EXPECT_EQ(server.facts(server.count())["user"], "ann");
}

}  // namespace
}  // namespace icecore::cli
