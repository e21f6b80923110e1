// verify, doctor and rebuild, and what the other commands do about damaged state.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "archive/manifest.h"
#include "base/format.h"
#include "cli/test_io.h"

namespace icecore::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;

class CheckCommandsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
        program_.clock.set(SystemClock().now());
        program_.io.cwd = dir_.path();
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        write_text(
            dir_ / "icecore.toml",
            format("[[set]]\nname = \"home\"\ndata = \"{0}/data\"\nbackup = \"{0}/backup\"\n", dir_.path()));
        chmod((dir_ / "icecore.toml").c_str(), 0600);
        write_text(dir_ / "data/a/one.txt", "one");
        write_text(dir_ / "data/b/two.txt", "two two");
    }
    int run(const std::vector<std::string>& args) { return program_.run(args); }
    void backup() {
        ASSERT_EQ(run({"backup"}), kDone) << err();
        program_.clock.advance_ns(3'600'000'000'000);
    }
    void three_runs() {
        backup();
        write_text(dir_ / "data/a/new.txt", "new");
        backup();
        write_text(dir_ / "data/a/one.txt", "one again");
        backup();
    }
    std::string out() const { return program_.out.str(); }
    std::string err() const { return program_.err.str(); }
    std::string in_backup(const std::string& name) const { return dir_ / ("backup/" + name); }
    /// The file of a run whose name ends so.
    std::string file_of(int run, const std::string& suffix) const {
        for (const std::string& name : list_directory(dir_ / "backup"))
            if (name.starts_with(format("home-{:06}-", run)) && name.ends_with(suffix)) return name;
        ADD_FAILURE() << "run " << run << " has no " << suffix;
        return "none";
    }
    void flip(const std::string& name) const {
        std::string content = read_file(in_backup(name));
        content[content.size() / 3] = static_cast<char>(content[content.size() / 3] ^ 0x10);
        write_text(in_backup(name), content);
    }
    void remove_catalogue() const {
        for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(in_backup(format("catalog.db{}", suffix)));
    }
    std::string line_of(const std::string& check) const {
        std::string text = out(), wanted = check + ": ";
        std::size_t at = text.find(wanted);
        if (at == std::string::npos) return "";
        std::size_t begin = text.rfind('\n', at) + 1;
        return text.substr(begin, text.find('\n', at) - begin);
    }
    /// Rewrites the manifest of a run so that its header claims another version.
    void set_manifest_version(int run, const std::string& version) {
        std::string name = file_of(run, ".manifest.zst");
        std::string& text = manifest_text_;
        if (text.empty()) {
            archive::ManifestReader reader(in_backup(name));
            while (auto line = reader.next()) text += archive::encode_manifest_line(*line);
        }
        std::size_t at = text.find("\"version\":\"");
        ASSERT_NE(at, std::string::npos);
        text.replace(at, text.find(',', at) - at, "\"version\":\"" + version + "\"");
        write_text(dir_ / "manifest", text);
        ASSERT_EQ(system(format("zstd -qf {} -o {}", dir_ / "manifest", in_backup(name)).c_str()), 0);
    }

    /// Files in the backup directory, but for what SQLite leaves there when it reads.
    std::size_t count_files() const {
        std::vector<std::string> names = list_directory(dir_ / "backup");
        std::erase_if(names, [](const std::string& name) { return name.starts_with("catalog.db-"); });
        return names.size();
    }

    TempDir dir_;
    TestProgram program_;
    std::string manifest_text_;
};

// ---- verify ----

TEST_F(CheckCommandsTest, VerifySaysAllIsWell) {
    three_runs();
    ASSERT_EQ(run({"verify"}), kDone) << err();
    EXPECT_THAT(out(), MatchesRegex("verified 3 runs, 3 volumes \\([0-9.]* [KMi]*B\\): all well\n"));
    EXPECT_EQ(err(), "");
    ASSERT_EQ(run({"verify", "--deep", "--at", "1"}), kDone) << err();
    EXPECT_THAT(out(), MatchesRegex("verified 1 run, 1 volume \\(.*\\), 5 entries compared: all well\n"));
    ASSERT_EQ(run({"verify", "--quiet"}), kDone);
    EXPECT_EQ(out(), "");
    EXPECT_EQ(run({"verify", "--at", "9"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("no run 9"));
}

TEST_F(CheckCommandsTest, VerifyListsDamageAndFails) {
    three_runs();
    flip(file_of(1, ".tar.zst"));
    fs::remove(in_backup(file_of(2, ".log")));
    std::string missing = file_of(3, ".tar.zst");
    fs::remove(in_backup(missing));
    EXPECT_EQ(run({"verify"}), kFailed);
    EXPECT_THAT(out(), HasSubstr("3 runs, 3 volumes"));
    EXPECT_THAT(out(), HasSubstr(": 2 problems\n"));
    EXPECT_THAT(err(), HasSubstr("icecore: error: " + file_of(1, ".tar.zst") + ": SHA-256 differs\n"));
    EXPECT_THAT(err(), HasSubstr("icecore: error: " + missing + ": the file is missing\n"));
    EXPECT_THAT(err(), HasSubstr("icecore: warning: " + file_of(2, ".tar.zst") + ": its log is missing\n"));
    EXPECT_EQ(run({"verify", "--deep", "--json"}), kFailed);
    EXPECT_THAT(out(), StartsWith("{\"sets\":[{\"set\":\"home\",\"findings\":[{\"severity\":\""));
    EXPECT_THAT(out(),
                HasSubstr("\"run\":1,\"file\":\"\",\"path\":\"a/one.txt\",\"message\":\"cannot be read: "));
    EXPECT_THAT(out(), HasSubstr("\"remarks\":1,"));
}

TEST_F(CheckCommandsTest, VerifyTellsOfACatalogueThatDiffersAndRebuildPutsItRight) {
    three_runs();
    run({"list"});
    fs::copy_file(in_backup("catalog.db"), dir_ / "old.db");
    flip("catalog.db");
    write_text(in_backup("catalog.db"), std::string(5000, 'x'));
    EXPECT_EQ(run({"verify"}), kFailed);
    EXPECT_THAT(err(), AllOf(HasSubstr("catalog.db"), HasSubstr("\nhint: `icecore rebuild` ")));
    ASSERT_EQ(run({"rebuild"}), kDone) << err();
    EXPECT_THAT(out(), MatchesRegex("rebuilt the catalogue: 3 runs, [0-9]+ versions\n"));
    EXPECT_EQ(run({"verify"}), kDone) << err();
    struct stat mode {};
    ASSERT_EQ(stat(in_backup("catalog.db").c_str(), &mode), 0);
    EXPECT_EQ(mode.st_mode & 0777, 0600U);
}

TEST_F(CheckCommandsTest, VerifyWithoutARunFails) {
    EXPECT_EQ(run({"verify"}), kFailed);
    fs::create_directory(dir_ / "backup");
    EXPECT_EQ(run({"verify"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("holds no run of set \"home\""));
}

// ---- rebuild ----

TEST_F(CheckCommandsTest, RebuildNamesWhatItLeavesOutAndKeepsTheOldCatalogue) {
    three_runs();
    flip(file_of(2, ".manifest.zst"));
    flip(file_of(2, ".tar.zst"));
    EXPECT_EQ(run({"rebuild"}), kFailed);
    EXPECT_THAT(out(), MatchesRegex("rebuilt the catalogue: 1 run, 5 versions, 2 left out\n"));
    EXPECT_THAT(err(), ContainsRegex("error: run 2 is left out: .*manifest"));
    EXPECT_THAT(err(), HasSubstr("error: run 3 is left out: its chain has a gap before it\n"));
    EXPECT_THAT(err(), HasSubstr("catalog.db.old"));
    EXPECT_TRUE(path_exists(in_backup("catalog.db.old")));
    EXPECT_FALSE(path_exists(in_backup(".catalog.db.partial")));
    EXPECT_EQ(run({"rebuild", "--json"}), kFailed);
    EXPECT_THAT(out(), StartsWith("{\"set\":\"home\",\"runs\":1,\"versions\":5,\"left_out\":[{\"run\":2,"));
    backup();
    EXPECT_EQ(run({"list"}), kDone);
    EXPECT_THAT(out(), HasSubstr("  4  full ")) << "a new chain";
}

TEST_F(CheckCommandsTest, RebuildMakesManifestsAgain) {
    three_runs();
    flip(file_of(2, ".manifest.zst"));
    EXPECT_EQ(run({"rebuild"}), kDone);
    EXPECT_THAT(out(), MatchesRegex("rebuilt the catalogue: 3 runs, [0-9]+ versions\n"));
    EXPECT_THAT(err(),
                ContainsRegex("warning: the manifest of run 2 was made again from its archive: .*manifest"));
    EXPECT_EQ(run({"verify", "--deep"}), kDone) << err();
}

TEST_F(CheckCommandsTest, RebuildNeedsTheLockAndARun) {
    EXPECT_EQ(run({"rebuild"}), kFailed);
    backup();
    {
        Fd lock = open_file(in_backup(".lock"), O_RDWR);
        ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
        EXPECT_EQ(run({"rebuild"}), kFailed);
        EXPECT_THAT(err(), HasSubstr("holds the lock"));
    }
    for (const char* suffix : {".manifest.zst", ".tar.zst", ".log"})
        fs::remove(in_backup(file_of(1, suffix)));
    EXPECT_EQ(run({"rebuild"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("holds no run"));
    EXPECT_TRUE(path_exists(in_backup("catalog.db")));
}

// ---- newer formats ----

TEST_F(CheckCommandsTest, ANewerManifestIsRefusedAndNothingIsLost) {
    three_runs();
    set_manifest_version(2, "2.0");
    std::string before = read_file(in_backup("catalog.db"));
    EXPECT_EQ(run({"rebuild"}), kFailed);
    EXPECT_THAT(err(), AllOf(HasSubstr("its format is version 2.0; this program reads version 1"),
                             HasSubstr(file_of(2, ".manifest.zst"))));
    EXPECT_EQ(read_file(in_backup("catalog.db")), before) << "nothing changed";
    EXPECT_EQ(run({"verify"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("its format is version 2.0"));
    EXPECT_THAT(out(), HasSubstr("3 runs, 3 volumes")) << "the others are checked";
    EXPECT_EQ(run({"list"}), kDone) << "the catalogue has what it had";

    remove_catalogue();
    std::size_t files = list_directory(dir_ / "backup").size();
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("its format is version 2.0"));
    EXPECT_EQ(count_files(), files + 1) << "a catalogue up to run 1, no archive";
    EXPECT_EQ(run({"list"}), kFailed);
    set_manifest_version(2, "1.9");
    EXPECT_EQ(run({"list"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("  3  incremental")) << "later runs are not lost";
}

TEST_F(CheckCommandsTest, ANewerCatalogueIsRefusedWithAHint) {
    backup();
    std::string bytes = read_file(in_backup("catalog.db"));
    bytes.replace(60, 4, std::string("\0\0\x10\0", 4));  // user_version in SQLite's header
    remove_catalogue();
    write_text(in_backup("catalog.db"), bytes);
    for (const char* command : {"list", "backup", "verify"}) {
        EXPECT_EQ(run({command}), kFailed) << command;
        EXPECT_THAT(err(), AllOf(HasSubstr("is newer than this program's"), HasSubstr("\nhint: ")))
            << command;
    }
    EXPECT_EQ(read_file(in_backup("catalog.db")), bytes);
    EXPECT_EQ(run({"doctor"}), kFailed);
    EXPECT_THAT(line_of("catalogue"), StartsWith("problem "));
    EXPECT_EQ(run({"rebuild"}), kDone) << err();
    EXPECT_EQ(run({"list"}), kDone);
}

TEST_F(CheckCommandsTest, ADamagedCatalogueIsMadeAgainWithAWarning) {
    three_runs();
    remove_catalogue();
    write_text(in_backup("catalog.db"), std::string(5000, 'x'));
    EXPECT_EQ(run({"list"}), kDone);
    EXPECT_THAT(err(), AllOf(HasSubstr("warning: "), HasSubstr("it is made again from the manifests")));
    EXPECT_THAT(out(), HasSubstr("  3  incremental"));
    EXPECT_TRUE(path_exists(in_backup("catalog.db.damaged")));
    EXPECT_EQ(run({"doctor"}), kDone);
    EXPECT_THAT(line_of("leftovers"), AllOf(StartsWith("warning "), HasSubstr("catalog.db.damaged")));
}

// ---- a clock that jumped back ----

TEST_F(CheckCommandsTest, AClockThatJumpedBackIsToldAndHarmless) {
    backup();
    program_.clock.advance_ns(-7LL * 24 * 3'600'000'000'000);
    EXPECT_EQ(run({"doctor"}), kFailed);
    EXPECT_THAT(line_of("time"), AllOf(StartsWith("problem "), HasSubstr("the clock jumped back")));
    write_text(dir_ / "data/a/one.txt", "new");  // as long as it was
    EXPECT_EQ(run({"backup"}), kDone);
    EXPECT_THAT(out(), StartsWith("run 2 (incremental): 0 added, 1 changed, "));
    EXPECT_THAT(err(), HasSubstr("warning: the clock is before the last run: run 1 started at "));
    EXPECT_EQ(run({"log"}), kDone);
    EXPECT_THAT(out(), HasSubstr("the clock is before the last run: run 1 "));
    // By number, run 2 is the later one, whatever its time says.
    program_.clock.advance_ns(8LL * 24 * 3'600'000'000'000);
    EXPECT_EQ(run({"restore", "--at", "1m", "--to", dir_ / "back", "a/one.txt"}), kDone) << err();
    EXPECT_EQ(read_file(dir_ / "back/a/one.txt"), "new");
    EXPECT_EQ(run({"restore", "--at", "1", "--to", dir_ / "first", "a/one.txt"}), kDone) << err();
    EXPECT_EQ(read_file(dir_ / "first/a/one.txt"), "one");
    EXPECT_EQ(run({"verify", "--deep"}), kDone) << err();
    backup();
    EXPECT_EQ(run({"list"}), kDone);
    EXPECT_THAT(out(), ContainsRegex("\n  1  full .*\n  2  incremental .*\n  3  incremental "));
}

// ---- doctor ----

TEST_F(CheckCommandsTest, DoctorIsContentBeforeAndAfterTheFirstRun) {
    EXPECT_EQ(run({"doctor"}), kDone) << out();
    EXPECT_THAT(line_of("backup"), AllOf(StartsWith("warning "), HasSubstr("is not there yet")));
    EXPECT_THAT(line_of("config"), StartsWith("ok "));
    three_runs();
    std::size_t before = count_files();
    EXPECT_EQ(run({"doctor"}), kDone) << out();
    for (const char* check : {"config", "data", "backup", "time", "lock", "leftovers", "catalogue",
                              "snapshot", "chains", "clock", "kernel", "limits"})
        EXPECT_THAT(line_of(check), StartsWith("ok ")) << check;
    EXPECT_THAT(line_of("place"), StartsWith("warning ")) << "one disk";
    EXPECT_EQ(count_files(), before) << "changes nothing";
    EXPECT_EQ(run({"doctor", "--json"}), kDone);
    EXPECT_THAT(out(), StartsWith("{\"checks\":[{\"set\":\"\",\"check\":\"config\",\"status\":\"ok\","));
    EXPECT_THAT(out(), HasSubstr("{\"set\":\"home\",\"check\":\"chains\",\"status\":\"ok\","));
    EXPECT_EQ(run({"doctor", "--quiet"}), kDone);
    EXPECT_THAT(out(), Not(HasSubstr("ok ")));
}

TEST_F(CheckCommandsTest, DoctorFindsProblems) {
    three_runs();
    auto expect_problem = [&](const std::string& check, const std::string& words) {
        EXPECT_EQ(run({"doctor"}), kFailed) << check;
        EXPECT_THAT(line_of(check), AllOf(StartsWith("problem "), HasSubstr(words))) << out();
    };
    chmod((dir_ / "backup").c_str(), 0755);
    expect_problem("backup", "everybody may enter");
    chmod((dir_ / "backup").c_str(), 0700);
    chmod((dir_ / "icecore.toml").c_str(), 0666);
    expect_problem("config", "others may write");
    chmod((dir_ / "icecore.toml").c_str(), 0600);
    fs::rename(dir_ / "data", dir_ / "away");
    expect_problem("data", "is not there");
    fs::create_directory(dir_ / "data");
    expect_problem("data", "is empty");
    fs::remove(dir_ / "data");
    fs::rename(dir_ / "away", dir_ / "data");
    EXPECT_EQ(run({"doctor"}), kDone) << out();
    std::string volume = file_of(2, ".tar.zst");
    fs::resize_file(in_backup(volume), 17);
    expect_problem("chains", volume);
    fs::remove(in_backup(file_of(2, ".manifest.zst")));
    expect_problem("chains", "the manifest of run 2");
    program_.clock.set({1'000'000'000, 0});
    expect_problem("clock", "it is 2001-09-09");
}

TEST_F(CheckCommandsTest, DoctorWarns) {
    three_runs();
    auto expect_warning = [&](const std::string& check, const std::string& words) {
        EXPECT_EQ(run({"doctor"}), kDone) << out();
        EXPECT_THAT(line_of(check), AllOf(StartsWith("warning "), HasSubstr(words))) << out();
    };
    std::string stem = file_of(3, ".log");
    stem.resize(stem.size() - 4);
    stem[stem.find("-000003-") + 7 - 1] = '4';
    write_text(in_backup(".running"), stem);
    write_text(in_backup("." + stem + ".tar.zst.partial"), "x");
    expect_warning("lock", "was interrupted");
    EXPECT_THAT(line_of("leftovers"), StartsWith("ok ")) << "the next run needs them";
    {
        Fd lock = open_file(in_backup(".lock"), O_RDWR);
        ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
        EXPECT_EQ(run({"doctor"}), kDone);
        EXPECT_THAT(line_of("lock"), AllOf(StartsWith("ok "), HasSubstr("a run is going on: process ")));
        EXPECT_THAT(line_of("leftovers"), StartsWith("ok "));
    }
    backup();
    EXPECT_EQ(run({"doctor"}), kDone);
    EXPECT_THAT(line_of("leftovers"), StartsWith("ok ")) << "the backup tidied up";
    fs::remove(in_backup("archive.snar"));
    expect_warning("snapshot", "the next run will be full");
    remove_catalogue();
    expect_warning("catalogue", "is missing");
    write_text(in_backup("catalog.db"), std::string(5000, 'x'));
    expect_warning("catalogue", "catalog.db");
}

TEST_F(CheckCommandsTest, DoctorSeesNestingAndABadConfiguration) {
    write_text(
        dir_ / "icecore.toml",
        format("[[set]]\nname = \"home\"\ndata = \"{0}/data\"\nbackup = \"{0}/data/backup\"\n", dir_.path()));
    fs::create_directory(dir_ / "data/backup");
    EXPECT_EQ(run({"doctor"}), kFailed);
    EXPECT_THAT(line_of("place"), AllOf(StartsWith("problem "), HasSubstr("is inside the data directory")));
    write_text(dir_ / "icecore.toml", "nonsense = 1\n");
    EXPECT_EQ(run({"doctor"}), kFailed);
    EXPECT_THAT(line_of("config"), AllOf(StartsWith("problem "), HasSubstr("nonsense")));
    EXPECT_THAT(line_of("kernel"), Not(IsEmpty())) << "the machine is examined all the same";
}

}  // namespace
}  // namespace icecore::cli
