#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_document.h"
#include "cli/test_io.h"

namespace icecore::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A root's machine below a directory, with a systemctl that agrees to everything.
class ScheduleCommandTest : public testing::Test {
  protected:
    ScheduleCommandTest() {
        std::filesystem::create_directories(temp_ / "etc/cron.d");
        write_text(config_,
                   "[[set]]\nname = \"home\"\ndata = \"/srv/home\"\nbackup = \"/srv/backup/home\"\n"
                   "[set.target]\ntype = \"dir\"\npath = \"/mnt/usb\"\n"
                   "[[set]]\nname = \"www\"\ndata = \"/srv/www\"\nbackup = \"/srv/backup/www\"\n");
        program_.environment["ICECORE_CONFIG"] = config_;
        program_.io.privileged = true;
        program_.io.program = "/usr/bin/icecore";
        program_.io.etc_dir = temp_ / "etc";
        program_.io.run_process = [this](const Process& process) {
            ran_ += process.words.back() + ' ';
            return ProcessResult{};
        };
    }

    std::string text_of(const std::string& name) { return read_file(temp_ / "etc/" + name); }

    TempDir temp_;
    std::string config_ = temp_ / "icecore.toml";
    TestProgram program_;
    std::string ran_;
};

TEST_F(ScheduleCommandTest, CronWhereSystemdDoesNotRun) {
    ASSERT_EQ(program_.run({"schedule", "install", "--daily", "03:15"}), kDone) << program_.err.str();
    EXPECT_THAT(program_.out.str(), HasSubstr("daily 03:15 of all sets by cron; next 2026-11-2"));
    EXPECT_THAT(text_of("cron.d/icecore"),
                HasSubstr("15 3 * * * root nice -n 19 ionice -c 2 -n 7 /usr/bin/icecore --config " + config_ +
                          " backup --quiet\n"));
    EXPECT_EQ(program_.run({"schedule", "show"}), kDone);
    EXPECT_THAT(program_.out.str(), HasSubstr("daily 03:15 of all sets by cron ("));
    EXPECT_EQ(program_.run({"schedule", "remove"}), kDone);
    EXPECT_EQ(program_.out.str(), "the schedule of all sets is removed\n");
    EXPECT_EQ(program_.run({"schedule", "show"}), kFailed);
    EXPECT_EQ(program_.out.str(), "no schedule: icecore schedule install --daily 03:15\n");
    EXPECT_EQ(program_.run({"schedule", "remove"}), kFailed);
}

TEST_F(ScheduleCommandTest, SystemdKnowsWhatTheSetReadsAndWrites) {
    program_.io.systemd_runs = true;
    ASSERT_EQ(program_.run({"schedule", "install", "--weekly", "sun 04:00", "--set", "home"}), kDone);
    EXPECT_EQ(ran_, "daemon-reload icecore-home.timer ");
    std::string unit = text_of("systemd/system/icecore-home.service");
    EXPECT_THAT(unit, HasSubstr("\nReadOnlyPaths=-/srv/home\n"));
    EXPECT_THAT(unit, HasSubstr("\nReadWritePaths=-/srv/backup/home\nReadWritePaths=-/mnt/usb\n"));
    EXPECT_THAT(unit, Not(HasSubstr("/srv/www")));
    EXPECT_THAT(unit, HasSubstr(" --set home backup --quiet\n"));
    EXPECT_THAT(program_.err.str(), HasSubstr("warning: /mnt/usb is not there"));
    ASSERT_EQ(program_.run({"schedule", "show", "--json"}), kDone);
    Json shown = parse_json(program_.out.str());
    EXPECT_EQ(shown["schedules"][0]["set"], "home");
    EXPECT_EQ(shown["schedules"][0]["schedule"], "weekly sun 04:00");
    EXPECT_EQ(shown["schedules"][0]["manager"], "systemd");
}

TEST_F(ScheduleCommandTest, DryRunWritesNothing) {
    ASSERT_EQ(program_.run({"schedule", "install", "--hourly", "5", "-n", "--systemd"}), kDone);
    EXPECT_THAT(program_.out.str(),
                HasSubstr("/systemd/system/icecore.timer:\n\n# icecore schedule: hourly 5\n"));
    EXPECT_FALSE(std::filesystem::exists(temp_ / "etc/systemd"));
    EXPECT_EQ(ran_, "");
}

TEST_F(ScheduleCommandTest, MistakesAreUsageErrors) {
    auto error_of = [&](std::vector<std::string> args) {
        args.insert(args.begin(), {"schedule", "install"});
        EXPECT_EQ(program_.run(args), kUsage);
        return program_.err.str();
    };
    EXPECT_THAT(error_of({}), HasSubstr("it is not said when"));
    EXPECT_THAT(error_of({"--daily", "3pm"}), HasSubstr("--daily \"3pm\": expected a time such as 03:15"));
    EXPECT_THAT(error_of({"--daily", "03:15", "--hourly", "5"}), HasSubstr("exclude each other"));
    EXPECT_THAT(error_of({"--daily", "03:15", "--cron", "--systemd"}), HasSubstr("exclude each other"));
    EXPECT_THAT(error_of({"--daily", "03:15", "--set", "hone"}), HasSubstr("hone"));
}

TEST_F(ScheduleCommandTest, WithoutCronThereIsAHint) {
    std::filesystem::remove_all(temp_ / "etc/cron.d");
    EXPECT_EQ(program_.run({"schedule", "install", "--daily", "03:15"}), kFailed);
    EXPECT_THAT(program_.err.str(), HasSubstr("is cron installed?"));
}

}  // namespace
}  // namespace icecore::cli
