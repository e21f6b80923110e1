// Storing offsite, as seen from the command line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/format.h"
#include "cli/test_io.h"

namespace icecore::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class UploadCommandsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        program_.clock.set(SystemClock().now());
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        std::filesystem::create_directory(usb_);
        write_text(dir_ / "icecore.toml", set_text("home", "path = \"" + usb_ + "\""));
        for (const char* set : {"home", "work"}) write_text(dir_ / format("data-{}/one.txt", set), "one");
    }
    std::string set_text(const std::string& name, const std::string& target) const {
        return format(
            "[[set]]\nname = \"{0}\"\ndata = \"{1}/data-{0}\"\nbackup = \"{1}/backup-{0}\"\n"
            "[set.target]\ntype = \"{2}\"\n{3}\n",
            name, dir_.path(), target.empty() ? "none" : "dir", target);
    }
    int run(const std::vector<std::string>& args) { return program_.run(args); }
    std::string out() const { return program_.out.str(); }
    std::string err() const { return program_.err.str(); }
    std::size_t files_offsite() const {
        std::filesystem::path place = usb_ + "/attic/home";
        if (!std::filesystem::exists(place)) return 0;
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(place), std::filesystem::directory_iterator()));
    }

    TempDir dir_;
    std::string usb_ = dir_ / "usb";
    TestProgram program_;
};

TEST_F(UploadCommandsTest, BackupStoresOffsiteAndSaysSo) {
    EXPECT_EQ(run({"backup"}), kDone) << err();
    EXPECT_THAT(out(), MatchesRegex("run 1 \\(full\\): .*\noffsite: stored 4 files \\(.* KiB\\) in .* s\n"));
    EXPECT_EQ(files_offsite(), 4U);
    EXPECT_EQ(run({"backup", "--dry-run"}), kDone) << err();
    EXPECT_THAT(out(), Not(HasSubstr("offsite")));
    EXPECT_EQ(run({"backup", "--json"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("\"upload\":{\"files\":3,\"bytes\":"));
    EXPECT_THAT(out(), HasSubstr("\"stored_files\":7,\"waiting_files\":0,\"waiting_bytes\":0,\"problems\":[],"
                                 "\"error\":\"\",\"hint\":\"\",\"seconds\":"));
    EXPECT_EQ(run({"backup", "--quiet"}), kDone) << err();
    EXPECT_EQ(out() + err(), "");
}

TEST_F(UploadCommandsTest, StatusChecksTheAgeOfWhatIsOffsite) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    EXPECT_EQ(run({"status", "--check"}), kFailed);
    EXPECT_THAT(out(), MatchesRegex("home: WARNING: no run is offsite yet\n"));
    ASSERT_EQ(run({"upload"}), kDone) << err();
    program_.clock.advance_ns(72 * 3'600'000'000'000);
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    EXPECT_EQ(run({"status", "--check"}), kFailed);
    EXPECT_EQ(out(),
              "home: WARNING: the newest run that is offsite began 3 days ago (at most 36 h 00 min)\n");
    EXPECT_EQ(run({"status", "--check", "--max-age", "4d"}), kDone);
    ASSERT_EQ(run({"upload"}), kDone) << err();
    EXPECT_EQ(run({"status", "--check"}), kDone);
    EXPECT_THAT(out(), MatchesRegex("home: ok: run 2 began .* ago, run 2 is offsite\n"));
    // A chain with a hole is of no use, however new its end is.
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::filesystem::remove(dir_ / "backup-home/outbox.db");
    EXPECT_EQ(run({"status", "--check"}), kFailed);
}

TEST_F(UploadCommandsTest, NoUploadThenUpload) {
    EXPECT_EQ(run({"backup", "--no-upload", "--json"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("\"upload\":null"));
    EXPECT_EQ(files_offsite(), 0U);
    EXPECT_EQ(run({"status"}), kDone) << err();
    EXPECT_THAT(out(), ContainsRegex("\n  offsite   dir:.*/usb/attic/home\n"
                                     "            0 files \\(0 B\\) stored\n"
                                     "            3 files \\(.*\\) not yet: see icecore upload\n"));
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_THAT(out(), MatchesRegex("stored 4 files \\(.* KiB\\) in .* s\n"));
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_EQ(out(), "nothing to store: all 4 files are offsite\n");
    program_.clock.advance_ns(7'200'000'000'000);
    EXPECT_EQ(run({"status"}), kDone) << err();
    EXPECT_THAT(out(), ContainsRegex("            4 files \\(.*\\) stored, the last 2 h 00 min ago\n"
                                     "            run 1 of .* and its chain are complete there\n  next"));
    EXPECT_EQ(run({"status", "--json"}), kDone) << err();
    EXPECT_THAT(
        out(),
        ContainsRegex(
            "\"offsite\":\\{\"target\":\"dir:.*/usb/attic/home\",\"stored_files\":4,"
            "\"stored_bytes\":[0-9]+,\"waiting_files\":0,\"waiting_bytes\":0,"
            "\"last_stored\":\"20[^\"]*Z\",\"newest_snapshot\":1,\"monthly_usd\":null,\"last_error\":\"\","
            "\"last_error_at\":null\\}"));
}

TEST_F(UploadCommandsTest, AFailedUploadIsToldAfterTheRun) {
    std::filesystem::remove(usb_);
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(out(), MatchesRegex("run 1 \\(full\\): .*\n"));
    EXPECT_THAT(err(), HasSubstr("icecore: error: the target: opening " + usb_ + ": No such file"));
    EXPECT_THAT(err(), HasSubstr("hint: is the disk mounted? icecore does not make this directory itself; "
                                 "`icecore upload` tries again\n"));
    EXPECT_EQ(run({"status"}), kDone);
    EXPECT_THAT(out(), HasSubstr("4 files"));
    EXPECT_THAT(out(), HasSubstr("the last upload failed, 0.0 s ago: the target: opening " + usb_));
    EXPECT_EQ(run({"upload", "--json"}), kFailed);
    EXPECT_THAT(out(), ContainsRegex("^\\{\"sets\":\\[\\{\"set\":\"home\",\"target\":\"dir:.*\",\"files\":0,"
                                     "\"bytes\":0,\"stored_files\":0,\"waiting_files\":4,.*\"error\":\"the "
                                     "target: opening .*\",\"hint\":\"is the disk mounted"));
    EXPECT_EQ(run({"upload"}), kFailed);
    EXPECT_EQ(out(), "");
    EXPECT_THAT(err(), Not(HasSubstr("tries again")));
    std::filesystem::create_directory(usb_);
    EXPECT_EQ(run({"upload"}), kDone) << err();
}

TEST_F(UploadCommandsTest, AProblemWithOneFileIsAnError) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone);
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "backup-home"))
        if (entry.path().string().ends_with(".tar.zst")) std::filesystem::resize_file(entry.path(), 10);
    EXPECT_EQ(run({"upload"}), kFailed);
    EXPECT_THAT(out(), MatchesRegex("stored 3 files \\(.*\\) in .* s; 1 file \\(.* B\\) waits\n"));
    EXPECT_THAT(err(),
                ContainsRegex("icecore: error: .*\\.tar\\.zst has 10 bytes instead of [0-9]+ \\(it was "
                              "changed or damaged after it was made\\)\n"));
}

TEST_F(UploadCommandsTest, AllSetsWithATargetInTurn) {
    write_text(dir_ / "icecore.toml", set_text("work", "path = \"" + dir_ / "away" + "\"") +
                                          set_text("home", "path = \"" + usb_ + "\"") + set_text("none", ""));
    ASSERT_EQ(run({"backup", "--no-upload", "--set", "home"}), kDone) << err();
    ASSERT_EQ(run({"backup", "--no-upload", "--set", "work"}), kDone) << err();
    EXPECT_EQ(run({"upload"}), kFailed);
    EXPECT_THAT(out(), MatchesRegex("home: stored 4 files \\(.*\\) in .* s\n"));
    EXPECT_THAT(err(), HasSubstr("icecore: error: set work: the target: "));
    EXPECT_EQ(run({"upload", "--set", "none"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("there is no target to store in"));
}

TEST_F(UploadCommandsTest, TheLimitIsKept) {
    write_text(dir_ / "icecore.toml", set_text("home", "path = \"" + usb_ + "\"\nupload_limit = \"64KiB\""));
    std::string content(512 << 10, '\0');
    std::uint32_t state = 1;
    for (char& c : content) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    write_text(dir_ / "data-home/two.txt", content);
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    std::uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "backup-home"))
        if (entry.path().string().ends_with(".tar.zst")) bytes += entry.file_size();
    ASSERT_GT(bytes, 256U << 10);
    std::int64_t before_ns = program_.clock.monotonic_ns();
    EXPECT_EQ(run({"upload"}), kDone) << err();
    // The bucket of one second is full at the beginning.
    EXPECT_GE(program_.clock.monotonic_ns() - before_ns,
              static_cast<std::int64_t>(bytes / (64 << 10) - 1) * 1'000'000'000);
}

TEST_F(UploadCommandsTest, InitWritesATarget) {
    std::string config = dir_ / "new.toml";
    std::vector<std::string> args = {"init",     "--config", config,   "--data", dir_ / "data-home",
                                     "--backup", dir_ / "b", "--name", "home",   "--target"};
    auto init = [&](const std::string& target) {
        std::vector<std::string> all = args;
        all.push_back(target);
        return run(all);
    };
    EXPECT_EQ(init("s3:bucket"), kUsage);
    EXPECT_THAT(err(), HasSubstr("--target \"s3:bucket\": expected s3://BUCKET/PREFIX, dir:DIR or"));
    EXPECT_EQ(init("s3://a..b/p"), kUsage);
    EXPECT_THAT(err(), HasSubstr("--target \"s3://a..b/p\": bucket: "));
    EXPECT_EQ(init("s3://bucket?endpoint=http://user:secret@127.0.0.1:9"), kUsage);
    EXPECT_THAT(err(), HasSubstr("--target \"s3://bucket?...\": endpoint: "));
    EXPECT_THAT(err(), Not(HasSubstr("secret")));
    EXPECT_EQ(init("s3://bucket?regin=eu-west-1"), kUsage);
    EXPECT_THAT(err(), HasSubstr("did you mean \"region\"?"));
    EXPECT_EQ(init("s3://bucket?region"), kUsage);
    EXPECT_THAT(err(), HasSubstr("\"region\" is not KEY=VALUE"));
    EXPECT_EQ(init("glacier:"), kUsage);
    EXPECT_THAT(err(), HasSubstr("vault: expected a text that is not empty"));
    EXPECT_EQ(init("dir:" + dir_ / "b/inside"), kUsage);
    EXPECT_FALSE(std::filesystem::exists(config));
    EXPECT_EQ(init("dir:" + usb_), kDone) << err();
    EXPECT_EQ(run({"backup", "--config", config}), kDone) << err();
    EXPECT_EQ(files_offsite(), 4U);
}

TEST_F(UploadCommandsTest, InitWritesABucket) {
    std::string config = dir_ / "new.toml";
    program_.environment["AWS_PROFILE"] = "it's mine";
    std::vector<std::string> args = {"init",
                                     "--config",
                                     config,
                                     "--data",
                                     dir_ / "data-home",
                                     "--backup",
                                     dir_ / "b",
                                     "--name",
                                     "home",
                                     "--target",
                                     "s3://bucket/a/b/?region=eu-west-1&thaw_days=3&path_style=true"};
    EXPECT_EQ(run(args), kDone) << err();
    EXPECT_THAT(read_file(config),
                HasSubstr("[set.target]\ntype = \"s3\"\nbucket = \"bucket\"\nprefix = \"a/b\"\n"
                          "region = \"eu-west-1\"\nthaw_days = 3\npath_style = true\n"));
    EXPECT_THAT(read_file(config), Not(HasSubstr("# thaw_days")));
    EXPECT_THAT(read_file(config), HasSubstr("# storage_class = \"DEEP_ARCHIVE\"\n"));
    EXPECT_THAT(out(), HasSubstr("init --add-lifecycle-rule\n"));
    EXPECT_THAT(out(), HasSubstr("aws --region eu-west-1 --profile 'it'\\''s mine' s3api "
                                 "put-bucket-lifecycle-configuration --bucket bucket "));
    EXPECT_EQ(run({"init", "--config", config, "--print-iam", "write"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("\"arn:aws:s3:::bucket/a/b/attic/home/*\""));
    EXPECT_EQ(run({"init", "--config", config, "--print-iam", "wirte"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("did you mean \"write\"?"));
    EXPECT_EQ(run({"init", "--print-iam", "restore"}), kUsage);  // sets with directories only
    EXPECT_EQ(run({"init", "--add-lifecycle-rule"}), kUsage);
}

TEST_F(UploadCommandsTest, NothingIsLeftUnfinishedInADirectory) {
    EXPECT_EQ(run({"upload", "--abort-unfinished"}), kDone) << err();
    EXPECT_EQ(run({"upload", "--abort-unfinished", "--json"}), kDone) << err();
    EXPECT_EQ(out(), "{\"aborted\":[]}\n");
}

}  // namespace
}  // namespace icecore::cli
