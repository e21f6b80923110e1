#include "schedule/installer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/test_dir.h"

namespace icecore::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A machine in a directory, with a systemctl and a crontab that remember what they were told.
class InstallerTest : public testing::Test {
  protected:
    InstallerTest() {
        std::filesystem::create_directories(dir_.path("cron.d"));
        std::filesystem::create_directories(dir_.path("system"));
    }

    Installer installer(bool system = true) {
        Places places{system, dir_.path("system"), system ? dir_.path("cron.d") : ""};
        return {*fs_, places, [this](const Process& process) { return run(process); }};
    }

    static Job job(const std::string& set = "") {
        return {.program = "/usr/bin/icecore",
                .config = "/etc/icecore.toml",
                .set = set,
                .data_dirs = {"/srv/data"},
                .writable_dirs = {"/srv/backup"},
                .calendar = daily_at("03:15")};
    }

    ProcessResult run(const Process& process) {
        std::string line;
        for (const std::string& word : process.words) line += (line.empty() ? "" : " ") + word;
        ran_.push_back(line);
        ProcessResult result;
        if (line == "crontab -l") {
            result.status = crontab_.empty() ? 1 : 0;
            result.out = crontab_;
            if (crontab_.empty()) result.err = "no crontab for somebody\n";
        } else if (line == "crontab -") {
            crontab_ = process.input;
        } else {
            result.status = systemd_status_;
            result.err = systemd_says_;
        }
        return result;
    }

    std::vector<std::string> files(const std::string& dir) {
        std::vector<std::string> names = list_directory(dir_.path(dir));
        std::sort(names.begin(), names.end());
        return names;
    }

    TestDir dir_;
    std::unique_ptr<FileSystem> fs_ = make_file_system();
    std::vector<std::string> ran_;
    std::string crontab_;
    int systemd_status_ = 0;
    std::string systemd_says_;
};

TEST_F(InstallerTest, SystemdFromInstallationToRemoval) {
    Installer it = installer();
    it.install(job("home"), Manager::systemd);
    EXPECT_THAT(files("system"), ElementsAre("icecore-home.service", "icecore-home.timer"));
    EXPECT_THAT(ran_, ElementsAre("systemctl daemon-reload", "systemctl enable --now icecore-home.timer"));
    struct stat stat {};
    ASSERT_EQ(::stat(dir_.path("system/icecore-home.timer").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode & 0777, 0644U);
    std::vector<Installed> all = it.list();
    ASSERT_THAT(all, SizeIs(1));
    EXPECT_EQ(all[0].name, "icecore-home");
    EXPECT_EQ(all[0].calendar, daily_at("03:15"));
    EXPECT_EQ(all[0].fault, "");
    EXPECT_FALSE(it.remove("icecore"));
    EXPECT_TRUE(it.remove("icecore-home"));
    EXPECT_THAT(files("system"), IsEmpty());
    EXPECT_THAT(ran_, testing::Contains("systemctl disable --now icecore-home.timer"));
    EXPECT_FALSE(it.remove("icecore-home"));
}

TEST_F(InstallerTest, ATimerThatDoesNotRunIsTold) {
    installer().install(job(), Manager::systemd);
    systemd_status_ = 3;
    systemd_says_ = "inactive\n";
    EXPECT_THAT(installer().list().at(0).fault,
                HasSubstr("(inactive): systemctl enable --now icecore.timer"));
}

TEST_F(InstallerTest, WithoutSystemdTheUnitsStayAndItIsSaid) {
    systemd_status_ = 1;
    systemd_says_ = "System has not been booted with systemd as init system (PID 1). Can't operate.\n";
    try {
        installer().install(job(), Manager::systemd);
        FAIL();
    } catch (const Error& e) {
        EXPECT_THAT(e.message(), HasSubstr("daemon-reload failed: System has not been booted"));
        EXPECT_THAT(e.hint(), HasSubstr("--cron"));
    }
    EXPECT_TRUE(installer().remove("icecore"));
    EXPECT_THAT(files("system"), IsEmpty());
}

TEST_F(InstallerTest, ForeignUnitsAreLeftAlone) {
    std::ofstream(dir_.path("system/icecore-mine.timer")) << "[Timer]\nOnCalendar=daily\n";
    EXPECT_THAT(installer().list(), IsEmpty());
    EXPECT_FALSE(installer().remove("icecore-mine"));
    EXPECT_THAT(files("system"), ElementsAre("icecore-mine.timer"));
}

TEST_F(InstallerTest, CronOfTheSystem) {
    Installer it = installer();
    it.install(job(), Manager::cron);
    it.install(job("b"), Manager::cron);
    EXPECT_THAT(read_file(dir_.path("cron.d/icecore")), HasSubstr("\n15 3 * * * root nice"));
    EXPECT_THAT(it.list(), SizeIs(2));
    EXPECT_THAT(ran_, IsEmpty());
    EXPECT_TRUE(it.remove("icecore"));
    EXPECT_THAT(it.list(), SizeIs(1));
    EXPECT_TRUE(it.remove("icecore-b"));
    EXPECT_THAT(files("cron.d"), IsEmpty());
}

TEST_F(InstallerTest, AUsersOwnCrontabKeepsItsLines) {
    crontab_ = "0 5 * * * mine\n";
    Installer it = installer(false);
    it.install(job(), Manager::cron);
    EXPECT_THAT(crontab_, HasSubstr("0 5 * * * mine\n# >>> icecore"));
    EXPECT_EQ(it.list().at(0).where, "your crontab");
    EXPECT_TRUE(it.remove("icecore"));
    EXPECT_EQ(crontab_, "0 5 * * * mine\n");
}

TEST_F(InstallerTest, AUserWithoutACrontabGetsOne) {
    installer(false).install(job(), Manager::cron);
    EXPECT_THAT(crontab_, HasSubstr("\n15 3 * * * nice"));
}

TEST_F(InstallerTest, AUsersTimer) {
    installer(false).install(job(), Manager::systemd);
    EXPECT_THAT(ran_, testing::Contains("systemctl --user enable --now icecore.timer"));
}

TEST_F(InstallerTest, ChangingTheManagerLeavesOneSchedule) {
    Installer it = installer();
    it.install(job(), Manager::cron);
    it.install(job(), Manager::systemd);
    ASSERT_THAT(it.list(), SizeIs(1));
    EXPECT_EQ(it.list()[0].manager, Manager::systemd);
    it.install(job(), Manager::cron);
    ASSERT_THAT(it.list(), SizeIs(1));
    EXPECT_EQ(it.list()[0].manager, Manager::cron);
    EXPECT_THAT(files("system"), IsEmpty());
}

}  // namespace
}  // namespace icecore::schedule
