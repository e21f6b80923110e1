#include "schedule/crontab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/test_dir.h"

namespace icecore::schedule {
namespace {

Job job(const std::string& set = "") {
    return {.program = "/usr/bin/icecore",
            .config = "/etc/icecore/icecore.toml",
            .set = set,
            .calendar = daily_at("03:15")};
}

constexpr std::string_view kOthers = "MAILTO=root\n\n0 5 * * 1 tar -zcf /var/backups/home.tgz /home/\n";

TEST(Crontab, AddsBehindWhatIsThere) {
    EXPECT_EQ(with_job(kOthers, job(), ""),
              std::string(kOthers) +
                  "# >>> icecore schedule icecore: daily 03:15\n"
                  "15 3 * * * nice -n 19 ionice -c 2 -n 7 /usr/bin/icecore --config "
                  "/etc/icecore/icecore.toml backup --quiet\n"
                  "@reboot sleep 300; nice -n 19 ionice -c 2 -n 7 /usr/bin/icecore --config "
                  "/etc/icecore/icecore.toml backup --quiet --min-age 24h\n"
                  "# <<< icecore schedule icecore\n");
    EXPECT_THAT(with_job("", job(), "root"), testing::HasSubstr("\n15 3 * * * root nice "));
    EXPECT_THAT(with_job("", job(), "root"), testing::HasSubstr("\n@reboot root sleep "));
}

TEST(Crontab, ReplacesInPlace) {
    std::string two = with_job(with_job(kOthers, job("a"), ""), job("b"), "") + "# last\n";
    Job changed = job("a");
    changed.calendar = weekly_at("fri 20:00");
    std::string now = with_job(two, changed, "");
    ASSERT_EQ(jobs_of(now).size(), 2U);
    EXPECT_EQ(jobs_of(now)[0].name, "icecore-a");
    EXPECT_EQ(jobs_of(now)[0].calendar, changed.calendar);
    EXPECT_EQ(jobs_of(now)[1].name, "icecore-b");
    EXPECT_EQ(with_job(now, job("a"), ""), two);
}

TEST(Crontab, RemovingGivesBackWhatWasThere) {
    for (std::string_view before :
         {kOthers, std::string_view(""), std::string_view("# no line break at the end\n")})
        EXPECT_EQ(without_job(with_job(before, job("a"), ""), "icecore-a"), before);
    EXPECT_EQ(without_job(kOthers, "icecore"), kOthers);
    EXPECT_EQ(without_job("no line break", "icecore"), "no line break");
    std::string other = with_job("", job("ab"), "");
    EXPECT_EQ(without_job(other, "icecore-a"), other);
}

TEST(Crontab, AnEndThatIsLostTakesNothingElseAway) {
    std::string text = with_job("", job(), "");
    text.erase(text.find("# <<<"));
    EXPECT_EQ(without_job(text + std::string(kOthers), "icecore"), kOthers);
}

TEST(Crontab, OddPathsReachTheProgram) {
    // As cron does it: an unescaped percent sign ends the command, "\%" is one, and sh runs the rest.
    TestDir dir;
    Job odd{.program = "/bin/echo", .config = "/a b/50%/it's/$HOME/*;#", .calendar = hourly_at("1")};
    std::string line = with_job("", odd, "");
    line = line.substr(line.find("1 * * * * ") + 10);
    line.resize(line.find('\n'));
    std::string command;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line.compare(i, 2, "\\%") == 0)
            ++i;
        else
            ASSERT_NE(line[i], '%');
        command += line[i];
    }
    EXPECT_EQ(run_process({.words = {"sh", "-c", command}}).out,
              "--config /a b/50%/it's/$HOME/*;# backup --quiet\n");
}

TEST(Crontab, LineBreaksAreRefused) {
    Job bad = job();
    bad.config = "/etc/a\n* * * * * root rm";
    EXPECT_THROW(with_job("", bad, ""), Error);
}

}  // namespace
}  // namespace icecore::schedule
