// Hooks, pings and metrics around a backup, as configured.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/format.h"
#include "cli/test_io.h"
#include "cloud/test_server.h"

namespace icecore::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class AnnouncerTest : public testing::Test {
  protected:
    AnnouncerTest() {
        program_.clock.set(SystemClock().now());
        program_.environment["ICECORE_CONFIG"] = config_;
        write_text(dir_ / "data/one.txt", "one");
    }

    /// `report` goes into [report], `set` into the [[set]].
    void configure(const std::string& set, const std::string& report = "") {
        write_text(config_,
                   format("[report]\n{}\n[[set]]\nname = \"home\"\ndata = \"{}\"\nbackup = \"{}\"\n{}\n",
                          report, dir_ / "data", dir_ / "backup", set));
    }
    /// A line for sh that appends what `words` expand to.
    std::string note(const std::string& words) const {
        return format("echo \\\"{}\\\" >>'{}'", words, notes_);
    }
    std::string notes() const { return std::filesystem::exists(notes_) ? read_file(notes_) : ""; }
    int run(const std::vector<std::string>& args) { return program_.run(args); }
    std::string err() const { return program_.err.str(); }

    TempDir dir_;
    std::string config_ = dir_ / "icecore.toml";
    std::string notes_ = dir_ / "notes";
    TestProgram program_;
};

TEST_F(AnnouncerTest, HooksKnowTheRun) {
    configure("before = \"" + note("before $ICECORE_SET $ICECORE_DATA ${ICECORE_RUN-none}") +
              "\"\nafter = \"" +
              note("after $ICECORE_RESULT $ICECORE_STATUS $ICECORE_RUN $ICECORE_KIND $ICECORE_ADDED") +
              "\"\non_failure = \"" + note("failure") + "\"");
    ASSERT_EQ(run({"backup"}), kDone) << err();
    EXPECT_EQ(notes(), format("before home {} none\nafter done 0 1 full 1\n", dir_ / "data"));
    ASSERT_EQ(run({"backup", "--dry-run"}), kDone) << err();
    EXPECT_EQ(notes(), format("before home {} none\nafter done 0 1 full 1\n", dir_ / "data"));
}

TEST_F(AnnouncerTest, WithoutItsBeforeThereIsNoRun) {
    configure("before = \"echo the database is down >&2; exit 7\"\nafter = \"" +
              note("after $ICECORE_RESULT") + "\"\non_failure = \"" +
              note("failure $ICECORE_STATUS: $ICECORE_ERROR") + "\"");
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("the hook \"before\" ended with status 7: the database is down"));
    EXPECT_EQ(
        notes(),
        "failure 1: set home: the hook \"before\" ended with status 7: the database is down\nafter failed\n");
    EXPECT_FALSE(std::filesystem::exists(dir_ / "backup"));
}

TEST_F(AnnouncerTest, AFailingAfterIsAnErrorButTheRunExists) {
    configure("after = \"exit 3\"");
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(program_.out.str(), StartsWith("run 1 (full)"));
    EXPECT_THAT(err(), HasSubstr("error: set home: the hook \"after\" ended with status 3"));
}

TEST_F(AnnouncerTest, AHookThatHangsIsEnded) {
    configure("after = \"sleep 1000\"\nhook_timeout = \"1s\"");
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("the hook \"after\" did not end within 1 s"));
}

TEST_F(AnnouncerTest, AHookThatPrintsWithoutEndIsReadAndDropped) {
    configure("before = \"yes | head -c 300000000\"");
    EXPECT_EQ(run({"backup", "--verbose"}), kDone);
    EXPECT_LT(err().size(), 10'000U);
}

TEST_F(AnnouncerTest, NamesAreDataForHooks) {
    std::filesystem::create_directories(dir_ / "$(touch evil)`touch evil`; touch evil\n");
    std::string odd = dir_ / "$(touch evil)`touch evil`; touch evil\\n";
    write_text(config_,
               format("[[set]]\nname = \"home\"\ndata = \"{}\"\nbackup = \"{}\"\nbefore = \"cd '{}'; {}\"\n",
                      odd, dir_ / "backup", dir_.path(), note("$ICECORE_DATA")));
    EXPECT_EQ(run({"backup"}), kDone) << err();
    EXPECT_THAT(notes(), HasSubstr("$(touch evil)`touch evil`; touch evil\n"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "evil"));
}

TEST_F(AnnouncerTest, PingsAtBeginAndEnd) {
    cloud::ScriptedServer server([](cloud::Connection& connection) {
        while (connection.read_request()) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    });
    configure(format("ping = \"{}/uuid/\"", server.url("")));
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::filesystem::remove_all(dir_ / "data");
    ASSERT_EQ(run({"backup"}), kFailed);
    std::vector<std::string> lines;
    for (const cloud::WireRequest& request : server.requests()) lines.push_back(request.line());
    EXPECT_THAT(lines, ElementsAre("POST /uuid/start HTTP/1.1", "POST /uuid HTTP/1.1",
                                   "POST /uuid/start HTTP/1.1", "POST /uuid/fail HTTP/1.1"));
    EXPECT_THAT(server.requests()[1].body, StartsWith("run 1 (full): 1 added"));
    EXPECT_THAT(server.requests()[3].body, HasSubstr("No such file or directory"));
}

TEST_F(AnnouncerTest, APingTellsTheStatusThatTheProgramEndsWith) {
    cloud::ScriptedServer server([](cloud::Connection& connection) {
        while (connection.read_request()) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    struct Trouble {
        std::string set, report;
        int status;
        std::string told;
    };
    for (const Trouble& trouble : std::vector<Trouble>{
             {"after = \"exit 3\"", "", kFailed, "the hook \"after\" ended with status 3"},
             {"", format("metrics = \"{}/missing/x.prom\"", dir_.path()), kFailed, "/missing"},
             {"", "email = \"a@b.org\"\nevery = 1\nsmtp = \"smtp://127.0.0.1:1\"", kUnreported,
              "the report could not be mailed"}}) {
        configure(format("ping = \"{}/uuid\"\n{}", server.url(""), trouble.set), trouble.report);
        EXPECT_EQ(run({"backup"}), trouble.status) << err();
        cloud::WireRequest last = server.requests().back();
        EXPECT_EQ(last.line(), "POST /uuid/fail HTTP/1.1") << trouble.told;
        EXPECT_THAT(last.body, AllOf(StartsWith("run "), HasSubstr(trouble.told)));
    }
}

TEST_F(AnnouncerTest, AFailedPingIsAWarningWithoutItsSecret) {
    cloud::ScriptedServer server([](cloud::Connection& connection) {
        while (connection.read_request())
            connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    configure(format("ping = {{ success = \"{}\" }}", server.url("/secret-uuid")));
    EXPECT_EQ(run({"backup"}), kDone);
    EXPECT_THAT(err(), AllOf(HasSubstr("warning: set home: the ping to 127.0.0.1:"),
                             HasSubstr("failed: it answered with status 404"), Not(HasSubstr("secret"))));
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(AnnouncerTest, MetricsAreThereForOthersToRead) {
    configure("", format("metrics = \"{}\"", dir_ / "icecore.prom"));
    ASSERT_EQ(run({"backup"}), kDone) << err();
    struct stat stat {};
    ASSERT_EQ(::stat((dir_ / "icecore.prom").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode & 0777, 0644U);
    std::string first = read_file(dir_ / "icecore.prom");
    EXPECT_THAT(first, HasSubstr("icecore_last_exit_status{set=\"home\"} 0\n"));
    std::filesystem::rename(dir_ / "data", dir_ / "elsewhere");
    ASSERT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(read_file(dir_ / "icecore.prom"), HasSubstr("icecore_last_exit_status{set=\"home\"} 1\n"));
}

TEST_F(AnnouncerTest, MetricsThatCannotBeWrittenAreAnError) {
    configure("", format("metrics = \"{}/missing/icecore.prom\"", dir_.path()));
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(program_.out.str(), StartsWith("run 1 (full)"));
    EXPECT_THAT(err(), HasSubstr("/missing"));
}

TEST_F(AnnouncerTest, MistakesInTheConfiguration) {
    for (const auto& [line, told] : std::vector<std::pair<std::string, std::string>>{
             {"ping = \"hc-ping.com/x\"", "set.ping: "},
             {"ping = \"https://a/b?c\"", "cannot be added to a URL with a query"},
             {"ping = { begin = \"https://a\" }", "begin"},
             {"hook_timeout = \"0s\"", "set.hook_timeout: expected a span"},
             {"hook_timeout = \"8d\"", "at most \"7d\""},
             {"before = 1", "set.before: expected a text"},
             {"on_failed = \"x\"", "on_failed"}}) {
        configure(line);
        EXPECT_EQ(run({"backup"}), kUsage) << line;
        EXPECT_THAT(err(), HasSubstr(told)) << line;
    }
    configure("", "metrics = \"icecore.prom\"");
    EXPECT_EQ(run({"backup"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("report.metrics: expected an absolute path"));
}

}  // namespace
}  // namespace icecore::cli
