#include "schedule/systemd_units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/process.h"
#include "base/test_dir.h"

namespace icecore::schedule {
namespace {

using testing::HasSubstr;
using testing::Not;

Job job() {
    return {.program = "/bin/true",
            .config = "/etc/icecore/icecore.toml",
            .set = "home",
            .data_dirs = {"/srv/data"},
            .writable_dirs = {"/srv/backup", "/mnt/usb disk"},
            .calendar = daily_at("03:15")};
}

/// What systemd finds wrong with the units of a job; "no systemd" where there is none.
std::string faults(const Job& job, bool system) {
    TestDir dir;
    std::string service = dir.path("icecore-home.service");
    std::string timer = dir.path("icecore-home.timer");
    std::ofstream(service) << service_unit(job, system);
    std::ofstream(timer) << timer_unit(job);
    try {
        ProcessResult result =
            run_process({.words = {"systemd-analyze", "verify", "--man=no", service, timer}});
        return result.succeeded() ? result.err : result.text(0) + ": " + result.err;
    } catch (const Error&) {
        return "no systemd";
    }
}

TEST(SystemdUnits, AreSoundForSystemd) {
    if (faults(job(), true) == "no systemd") GTEST_SKIP() << "needs systemd-analyze";
    EXPECT_EQ(faults(job(), true), "");
    EXPECT_EQ(faults(job(), false), "");
    Job odd = job();
    odd.config = "/a b/50%/it's/$HOME/#;x";
    odd.data_dirs = {"/", "/50% off/ä'#;$"};
    EXPECT_EQ(faults(odd, true), "");
    Job broken = job();
    broken.program = "/nowhere/icecore";  // the test can fail
    EXPECT_NE(faults(broken, true), "");
}

TEST(SystemdUnits, WriteOnlyWhereTheyMust) {
    std::string unit = service_unit(job(), true);
    EXPECT_THAT(
        unit,
        HasSubstr("\nExecStart=/bin/true --config /etc/icecore/icecore.toml --set home backup --quiet\n"));
    EXPECT_THAT(unit, HasSubstr("\nProtectSystem=strict\n"));
    EXPECT_THAT(unit, HasSubstr("\nReadOnlyPaths=-/srv/data\n"));
    EXPECT_THAT(unit, HasSubstr("\nReadWritePaths=-/srv/backup\n"));
    EXPECT_THAT(unit, HasSubstr("\nReadWritePaths=\"-/mnt/usb disk\"\n"));
    EXPECT_THAT(unit, HasSubstr("\nPrivateTmp=yes\n"));
    EXPECT_THAT(unit, HasSubstr("\nPrivateDevices=yes\n"));
    EXPECT_THAT(unit, Not(HasSubstr("\nRestrictSUIDSGID")));  // openat2() would be "not implemented"
    EXPECT_THAT(service_unit(job(), false), Not(HasSubstr("ProtectSystem")));
}

TEST(SystemdUnits, HooksAreNotShutIn) {
    Job hooks = job();
    hooks.runs_programs = true;
    std::string unit = service_unit(hooks, true);
    EXPECT_THAT(unit, Not(HasSubstr("ReadOnlyPaths")));
    EXPECT_THAT(unit, Not(HasSubstr("NoNewPrivileges")));
    EXPECT_THAT(unit, HasSubstr("# No sandbox: programs that the configuration names (hooks"));
}

TEST(SystemdUnits, DevicesAreLeftForSnapshots) {
    Job snapshots = job();
    snapshots.needs_devices = true;
    EXPECT_THAT(service_unit(snapshots, true), Not(HasSubstr("PrivateDevices")));
}

TEST(SystemdUnits, NothingThatIsBackedUpIsHidden) {
    for (const char* dir : {"/", "/tmp", "/tmp/x", "/var", "/var/tmp/x/y"}) {
        Job in_tmp = job();
        in_tmp.data_dirs = {dir};
        EXPECT_THAT(service_unit(in_tmp, true), Not(HasSubstr("PrivateTmp"))) << dir;
    }
    Job root = job();
    root.data_dirs = {"/"};
    EXPECT_THAT(service_unit(root, true), Not(HasSubstr("PrivateDevices")));
    Job config = job();
    config.config = "/tmp/icecore.toml";
    EXPECT_THAT(service_unit(config, true), Not(HasSubstr("PrivateTmp")));
}

TEST(SystemdUnits, PercentAndDollarAreLiteral) {
    Job odd = job();
    odd.config = "/50%/$HOME";
    odd.data_dirs = {"/srv/100%$"};
    EXPECT_THAT(service_unit(odd, true), HasSubstr(" --config /50%%/$$HOME "));
    EXPECT_THAT(service_unit(odd, true), HasSubstr("ReadOnlyPaths=-/srv/100%%$\n"));
}

TEST(SystemdUnits, RefuseWhatCannotBeWritten) {
    for (const char* path : {"/a\nExecStart=/bin/rm", "/a\"b", "/a\\b"}) {
        Job bad = job();
        bad.data_dirs = {path};
        EXPECT_THROW(service_unit(bad, true), Error) << path;
    }
}

TEST(SystemdUnits, TimersTellTheirCalendar) {
    EXPECT_EQ(calendar_of_unit(timer_unit(job())), job().calendar);
    EXPECT_THAT(timer_unit(job()), HasSubstr("\nOnCalendar=*-*-* 03:15:00\n"));
    EXPECT_FALSE(calendar_of_unit("[Timer]\nOnCalendar=daily\n"));
    EXPECT_FALSE(calendar_of_unit("# icecore schedule: sometimes\n"));
}

}  // namespace
}  // namespace icecore::schedule
