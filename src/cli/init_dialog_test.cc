// `icecore init` on a terminal. With buckets and vaults: tests/sim/s3_program_test.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/format.h"
#include "cli/config.h"
#include "cli/test_io.h"

namespace icecore::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;

class InitDialogTest : public ::testing::Test {
  protected:
    void SetUp() override {
        program_.io.cwd = dir_.path();
        program_.io.in_is_terminal = program_.io.out_is_terminal = true;
        program_.io.privileged = true;
        program_.io.etc_dir = dir_ / "etc";
        program_.io.program = "/usr/bin/icecore";
        program_.environment["HOME"] = dir_ / "home";
        program_.environment["ICECORE_CONFIG"] = config_;
        program_.clock.set(SystemClock().now());
        fs::create_directories(dir_ / "etc/cron.d");
        fs::create_directories(dir_ / "usb");
        write_text(dir_ / "data/letter", "Dear all,");
    }
    /// Answers, one a line.
    int init(const std::vector<std::string>& answers, std::vector<std::string> options = {}) {
        std::string input;
        for (const std::string& answer : answers) input += answer + "\n";
        options.insert(options.begin(), "init");
        return program_.run(options, input);
    }
    std::string out() const { return program_.out.str(); }
    std::string err() const { return program_.err.str(); }
    std::vector<std::string> offsite() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::recursive_directory_iterator(dir_ / "usb"))
            if (entry.is_regular_file()) names.push_back(entry.path().filename());
        return names;
    }

    TempDir dir_;
    TestProgram program_;
    std::string config_ = dir_ / "icecore.toml";
};

TEST_F(InitDialogTest, GoesFromNothingToAScheduledBackupOffsite) {
    EXPECT_EQ(init({"data", "backup", "dir:usb", "no", "04:30", "y"}), kDone) << err();
    EXPECT_THAT(out(),
                StartsWith("Some questions; Enter takes what stands in brackets.\n\nDirectory to back up [" +
                           (dir_ / "home") + "]: Directory for the archives [/srv/backup/data]: "));
    EXPECT_THAT(out(), HasSubstr("  a small file was written there, read back and removed\n"));
    EXPECT_THAT(out(), HasSubstr("wrote " + config_ + "\n"));
    EXPECT_THAT(out(), HasSubstr("daily 04:30 of all sets by cron"));
    EXPECT_THAT(out(), ContainsRegex("Make the first backup now\\? \\[Y/n\\] run 1 \\(full\\)"));
    engine::SetOptions set = load_config(config_).sets.at(0);
    EXPECT_EQ(set.name, "data");
    EXPECT_EQ(set.target.directory, dir_ / "usb");
    EXPECT_THAT(read_file(dir_ / "etc/cron.d/icecore"), HasSubstr("\n30 4 * * * root "));
    EXPECT_THAT(offsite(), ::testing::SizeIs(4)) << "volume, manifest, log, README";
    EXPECT_EQ(program_.run({"verify", "--remote"}), kDone) << err();
}

TEST_F(InitDialogTest, AsksAgainForWhatCannotBe) {
    fs::create_directory(dir_ / "closed");
    write_text(dir_ / "file", "");
    EXPECT_EQ(init({"nowhere", "data", "data/inside", "file/b", "backup", "ftp://x", "dir:absent",
                    "s3://UPPER/x", "none", "no", "3 o'clock", "25:00", "no", "n"}),
              kDone)
        << err();
    EXPECT_THAT(err(), HasSubstr("icecore: error: there is no directory " + (dir_ / "nowhere")));
    EXPECT_THAT(err(), HasSubstr("lie inside each other\nhint: "));
    EXPECT_THAT(err(), HasSubstr("making " + (dir_ / "file")));
    EXPECT_THAT(err(), HasSubstr("--target \"ftp://x\": expected s3://BUCKET/PREFIX"));
    EXPECT_THAT(err(), HasSubstr(dir_ / "absent"));
    EXPECT_THAT(err(), HasSubstr("25:00"));
    EXPECT_EQ(load_config(config_).sets.at(0).target.type, engine::TargetOptions::Type::none);
    EXPECT_THAT(list_directory(dir_ / "etc/cron.d"), IsEmpty());
    EXPECT_THAT(list_directory(dir_ / "backup"), IsEmpty());
}

TEST_F(InitDialogTest, AnswersThatEndLeaveNothingBehind) {
    EXPECT_EQ(init({"data", "backup", "dir:usb"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("no answer: nothing was written"));
    EXPECT_FALSE(fs::exists(config_));
    EXPECT_FALSE(fs::exists(dir_ / "backup"));
    EXPECT_THAT(offsite(), IsEmpty());
}

TEST_F(InitDialogTest, WithoutAServerThereIsNoMail) {
    EXPECT_EQ(init({"data", "backup", "none", "ann@example.org", "localhost", "no", "no", "n"}), kDone)
        << err();
    EXPECT_THAT(err(), HasSubstr("expected smtp://HOST"));
    EXPECT_TRUE(load_config(config_).report.to.empty());
}

TEST_F(InitDialogTest, OptionsAreAnswersToo) {
    EXPECT_EQ(init({"backup", "no", "no", "n"}, {"--data", "data", "--name", "mine", "--target", "dir:usb"}),
              kDone)
        << err();
    EXPECT_THAT(out(), Not(HasSubstr("Directory to back up")));
    EXPECT_EQ(load_config(config_).sets.at(0).name, "mine");
    EXPECT_EQ(load_config(config_).sets.at(0).target.directory, dir_ / "usb");
}

TEST_F(InitDialogTest, NothingIsAskedWhereTheSetIsGiven) {
    EXPECT_EQ(init({}, {"--data", "data", "--backup", "backup"}), kDone) << err();
    EXPECT_THAT(out(), StartsWith("wrote "));
}

TEST_F(InitDialogTest, KnowsBackupsThatAreThereAlready) {
    EXPECT_EQ(init({"data", "backup", "dir:usb", "no", "no", "y"}), kDone) << err();
    std::vector<std::string> before = offsite();
    fs::remove(config_);
    fs::remove_all(dir_ / "backup");
    EXPECT_EQ(init({"data", "backup", "dir:usb", "no", "no", "n"}), kDone) << err();
    EXPECT_THAT(
        out(),
        HasSubstr("  there are backups of \"data\" already: with this configuration `icecore recover`"));
    EXPECT_EQ(offsite(), before);
    EXPECT_EQ(program_.run({"recover"}), kDone) << err();
}

TEST_F(InitDialogTest, AScheduleThatCannotBeIsToldAndTheBackupMade) {
    fs::remove_all(dir_ / "etc");
    EXPECT_EQ(init({"data", "backup", "none", "", "", ""}), kFailed);
    EXPECT_THAT(err(), HasSubstr("icecore: error: there is no " + (dir_ / "etc/cron.d")));
    EXPECT_THAT(out(), HasSubstr("run 1 (full)"));
}

}  // namespace
}  // namespace icecore::cli
