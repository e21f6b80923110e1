// Every command on a real tree and a real backup directory, streams in memory.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/format.h"
#include "base/json_document.h"
#include "cli/test_io.h"

namespace icecore::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CommandsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
        program_.clock.set(SystemClock().now());
        program_.io.cwd = dir_.path();
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        write_text(dir_ / "icecore.toml", set_text("home"));
        write_text(dir_ / "data-home/a/one.txt", "one");
        write_text(dir_ / "data-home/a/two.txt", "two two");
        write_text(dir_ / "data-home/b/three\n.txt", "three");
        std::filesystem::create_symlink("a/one.txt", dir_ / "data-home/link");
    }
    std::string set_text(const std::string& name) const {
        return format("[[set]]\nname = \"{0}\"\ndata = \"{1}/data-{0}\"\nbackup = \"{1}/backup-{0}\"\n", name,
                      dir_.path());
    }
    int run(const std::vector<std::string>& args) {
        int status = program_.run(args);
        EXPECT_THAT(out(), Not(HasSubstr("\x1b")));
        return status;
    }
    void backup() {
        ASSERT_EQ(run({"backup"}), kDone) << err();
        program_.clock.advance_ns(3'600'000'000'000);
    }
    /// Run 1 as SetUp has it; run 2 with a change, an addition, a deletion and a rename.
    void two_runs() {
        backup();
        write_text(dir_ / "data-home/a/one.txt", "one is longer now");
        write_text(dir_ / "data-home/c/new.txt", "new");
        std::filesystem::remove(dir_ / "data-home/link");
        std::filesystem::rename(dir_ / "data-home/a/two.txt", dir_ / "data-home/b/second.txt");
        backup();
    }
    std::string out() const { return program_.out.str(); }
    std::string err() const { return program_.err.str(); }

    TempDir dir_;
    TestProgram program_;
};

TEST_F(CommandsTest, BackupPrintsOneLine) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    EXPECT_THAT(out(),
                ::testing::MatchesRegex("run 1 \\(full\\): 4 added, 0 changed, 0 deleted, 0 renamed; .*\n"));
    EXPECT_EQ(err(), "");
    ASSERT_EQ(run({"backup", "--quiet"}), kDone);
    EXPECT_EQ(out() + err(), "");
}

TEST_F(CommandsTest, MinAgeLeavesOutWhatIsRecent) {
    ASSERT_EQ(run({"backup", "--min-age", "24h"}), kDone) << err();  // there is no run yet
    EXPECT_THAT(out(), StartsWith("run 1 "));
    program_.clock.advance_ns(23 * 3'600'000'000'000);
    ASSERT_EQ(run({"backup", "--min-age", "24h"}), kDone);
    EXPECT_EQ(out(), "");
    EXPECT_THAT(err(), HasSubstr("set home: run 1 began "));
    program_.clock.advance_ns(3'600'000'000'000);
    ASSERT_EQ(run({"backup", "--min-age", "24h"}), kDone) << err();
    EXPECT_THAT(out(), StartsWith("run 2 "));
    EXPECT_EQ(run({"backup", "--min-age", "a day"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("--min-age \"a day\""));
}

TEST_F(CommandsTest, DryRunWritesNothing) {
    ASSERT_EQ(run({"backup", "-n"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("b/three\\x0a.txt"));
    EXPECT_THAT(out(), HasSubstr("dry run (full): 4 added, "));
    EXPECT_EQ(run({"list"}), kFailed);
}

TEST_F(CommandsTest, SeveralSetsRunInTurnAndTheWorstStatusWins) {
    write_text(dir_ / "icecore.toml", set_text("missing") + set_text("home"));
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(out(), StartsWith("home: run 1 (full): "));
    EXPECT_THAT(err(), StartsWith("icecore: error: set missing: "));
    EXPECT_EQ(run({"backup", "--json"}), kFailed);
    EXPECT_THAT(out(),
                StartsWith("{\"runs\":[{\"set\":\"missing\",\"status\":\"failed\",\"dry_run\":false,"));
    EXPECT_THAT(out(), HasSubstr("{\"set\":\"home\",\"status\":\"done\",\"dry_run\":false,\"run\":2,"));
    EXPECT_EQ(run({"--set", "home", "backup"}), kDone);
}

TEST_F(CommandsTest, StatusShowsTheLastRunAndTheNextKind) {
    EXPECT_EQ(run({"status"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("last run  none yet\n"));
    EXPECT_THAT(out(), HasSubstr("next run  full: it is the first\n"));
    two_runs();
    EXPECT_EQ(run({"status"}), kDone) << err();
    EXPECT_THAT(out(), ContainsRegex("last run  run 2 \\(incremental\\) of [-0-9: ]*, 1 h 00 min ago\n"));
    EXPECT_THAT(out(), HasSubstr("runs      2 runs in 1 chain\n"));
    EXPECT_THAT(out(), HasSubstr("next run  incremental\n"));
    EXPECT_THAT(out(), HasSubstr("running   no\n"));
    std::filesystem::remove(dir_ / "backup-home/archive.snar");
    EXPECT_EQ(run({"status", "--json"}), kDone);
    EXPECT_THAT(out(), HasSubstr("\"next_kind\":\"full\",\"next_full_reason\":\"archive.snar is missing\""));
    EXPECT_THAT(out(), HasSubstr("\"age_seconds\":3600"));
}

TEST_F(CommandsTest, StatusChecksForMonitoring) {
    EXPECT_EQ(run({"status", "--check"}), kFailed);
    EXPECT_EQ(out(), "home: WARNING: there is no run yet\n");
    EXPECT_EQ(run({"status"}), kDone);
    EXPECT_THAT(out(), HasSubstr("  warning   there is no run yet\n"));
    backup();
    EXPECT_EQ(run({"status", "--check"}), kDone) << out();
    EXPECT_EQ(out(), "home: ok: run 1 began 1 h 00 min ago\n");
    EXPECT_EQ(run({"status", "--check", "--max-age", "59m"}), kFailed);
    EXPECT_EQ(out(), "home: WARNING: the last run began 1 h 00 min ago (at most 59 min 00 s)\n");
    EXPECT_EQ(run({"status", "--max-age", "59m"}), kDone);
    EXPECT_THAT(out(), HasSubstr("  warning   the last run began 1 h 00 min ago"));
    program_.clock.advance_ns(36 * 3'600'000'000'000);
    EXPECT_EQ(run({"status", "--check", "--json"}), kFailed);
    EXPECT_THAT(out(), HasSubstr("\"warnings\":[\"the last run began 37 h 00 min ago"));
    EXPECT_EQ(run({"status", "--check", "--max-age", "soon"}), kUsage);
}

/// A set whose backup directory is a file, one whose target cannot be opened, and one where all is well.
TEST_F(CommandsTest, StatusShowsTheOtherSetsIfOneCannotBeLookedAt) {
    backup();
    write_text(dir_ / "backup-file", "");
    std::filesystem::create_directory(dir_ / "backup-cloud");
    write_text(dir_ / "icecore.toml", set_text("file") + set_text("cloud") +
                                          "[set.target]\ntype = \"s3\"\nbucket = \"my-backups\"\n" +
                                          set_text("home"));
    EXPECT_EQ(run({"status", "--check"}), kFailed);
    EXPECT_THAT(out(), ContainsRegex("^file: ERROR: [^\n]*backup-file[^\n]*: Not a directory\n"
                                     "cloud: ERROR: [^\n]*region[^\n]*; there is no run yet\n"
                                     "home: ok: run 1 began [^\n]*\n$"));
    EXPECT_EQ(run({"status"}), kFailed);
    EXPECT_THAT(out(), AllOf(HasSubstr("\nhome: "), HasSubstr("last run  run 1 (full)")));
    EXPECT_THAT(err(), AllOf(HasSubstr("error: set file: "), HasSubstr("error: set cloud: ")));
    EXPECT_EQ(run({"status", "--json"}), kFailed);
    Json sets = parse_json(out())["sets"];
    ASSERT_EQ(sets.size(), 3U);
    EXPECT_THAT(sets[0]["error"].get<std::string>(), HasSubstr("Not a directory"));
    EXPECT_FALSE(sets[0].contains("runs"));
    EXPECT_THAT(sets[1]["error"].get<std::string>(), HasSubstr("region"));
    EXPECT_EQ(sets[1]["runs"], 0);
    EXPECT_EQ(sets[2]["error"], "");
    EXPECT_EQ(sets[2]["runs"], 1);
    EXPECT_EQ(run({"report", "--set", "cloud"}), kDone);
    EXPECT_THAT(out(), AllOf(HasSubstr("not known: the target could not be looked at"), HasSubstr("region")));
}

TEST_F(CommandsTest, ABackupDirectoryThatIsAFileIsCalledThat) {
    write_text(dir_ / "backup-home", "");
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("/backup-home: it is there, but is no directory\n"));
    EXPECT_EQ(run({"doctor"}), kFailed);
    EXPECT_THAT(out(), ContainsRegex("problem  home: backup: [^\n]*/backup-home: Not a directory\n"));
    EXPECT_THAT(out(), Not(HasSubstr("as a user who may")));
}

TEST_F(CommandsTest, StatusSeesALock) {
    backup();
    Fd lock = open_file(dir_ / "backup-home/.lock", O_RDWR);
    ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
    EXPECT_EQ(run({"status"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("running   yes"));
    EXPECT_EQ(run({"backup"}), kFailed);
}

TEST_F(CommandsTest, ListIsATableByChain) {
    two_runs();
    ASSERT_EQ(run({"backup", "--full"}), kDone);
    ASSERT_EQ(run({"list"}), kDone) << err();
    EXPECT_THAT(out(), StartsWith("RUN  KIND         STARTED              FILES  CHANGED "));
    EXPECT_THAT(out(), ContainsRegex("\n  2  incremental  .*\n\n  3  full "));
    EXPECT_THAT(out(), HasSubstr("\n3 runs in 2 chains: "));
    ASSERT_EQ(run({"list", "--json"}), kDone);
    EXPECT_THAT(out(), StartsWith("{\"set\":\"home\",\"runs\":[{\"run\":1,\"kind\":\"full\",\"chain\":1,"));
}

TEST_F(CommandsTest, LogPrintsTheFile) {
    two_runs();
    ASSERT_EQ(run({"log"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("run        2 (incremental on run 1, chain 1)\n"));
    EXPECT_THAT(out(), HasSubstr("  a/one.txt  (was 3 B)\n"));
    ASSERT_EQ(run({"log", "1"}), kDone);
    EXPECT_THAT(out(), HasSubstr("  b/three\\x0a.txt\n"));
    ASSERT_EQ(run({"log", "--json", "latest"}), kDone);
    EXPECT_THAT(out(), ContainsRegex("\"run\":2,.*\"log\":\".*-incr-.*\\.log\"\\}\n"));
    EXPECT_EQ(run({"log", "7"}), kFailed);
    EXPECT_THAT(err(), StartsWith("icecore: error: no run 7\nhint: the runs are 1 to 2"));
}

TEST_F(CommandsTest, LsListsTreesOfOldRuns) {
    two_runs();
    ASSERT_EQ(run({"ls", "--at", "1"}), kDone) << err();
    EXPECT_THAT(out(), ContainsRegex("^drwx.* a\ndrwx.* b\nlrwxrwxrwx .* link -> a/one.txt\n$"));
    ASSERT_EQ(run({"ls"}), kDone);
    EXPECT_THAT(out(), Not(HasSubstr("link")));
    ASSERT_EQ(run({"ls", "-R", "--at=1"}), kDone);
    EXPECT_THAT(out(), StartsWith(".:\n"));
    EXPECT_THAT(
        out(),
        ContainsRegex("\n\na:\n-rw.* 3 .* one.txt\n-rw.* 7 .* two.txt\n\nb:\n-rw.* three\\\\x0a.txt\n$"));
    ASSERT_EQ(run({"ls", "--json", dir_ / "data-home/a/one.txt"}), kDone);
    EXPECT_THAT(
        out(),
        StartsWith("{\"set\":\"home\",\"run\":2,\"entries\":[{\"path\":\"a/one.txt\",\"type\":\"regular\","));
    EXPECT_THAT(out(), HasSubstr("\"size\":17,"));
    EXPECT_EQ(run({"ls", "nowhere"}), kFailed);
    EXPECT_EQ(run({"ls", "../x"}), kUsage);
}

TEST_F(CommandsTest, FindShowsEveryVersion) {
    two_runs();
    ASSERT_EQ(run({"find", "one.*"}), kDone) << err();
    EXPECT_THAT(out(), ContainsRegex("^1  .* 3 .* a/one.txt\n2  .* 17 .* a/one.txt\n$"));
    ASSERT_EQ(run({"find", dir_ / "data-home/b/*"}), kDone);
    EXPECT_THAT(out(), ContainsRegex("^2 .* b/second.txt\n1-2 .* b/three\\\\x0a.txt\n$"));
    ASSERT_EQ(run({"find", "nothing*"}), kDone);
    EXPECT_EQ(out(), "");
    EXPECT_EQ(err(), "icecore: nothing in any run matches \"nothing*\"\n");
    ASSERT_EQ(run({"find", "--json", "new.txt"}), kDone);
    EXPECT_THAT(out(), HasSubstr("\"first_run\":2,\"last_run\":2}]}\n"));
}

TEST_F(CommandsTest, DiffShowsRenames) {
    two_runs();
    ASSERT_EQ(run({"diff", "1", "latest"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("M a/one.txt\n"));
    EXPECT_THAT(out(), HasSubstr("R a/two.txt -> b/second.txt\n"));
    EXPECT_THAT(out(), HasSubstr("+ c\n+ c/new.txt\n"));
    EXPECT_THAT(out(), HasSubstr("- link\n"));
    EXPECT_THAT(out(), Not(HasSubstr("- a/two.txt")));
    EXPECT_THAT(out(), Not(HasSubstr("+ b/second.txt")));
    ASSERT_EQ(run({"diff", "--json", "1", "2"}), kDone);
    EXPECT_THAT(out(), HasSubstr("{\"what\":\"renamed\",\"path\":\"a/two.txt\",\"to\":\"b/second.txt\","));
    ASSERT_EQ(run({"diff", "2", "2"}), kDone);
    EXPECT_EQ(out(), "");
}

TEST_F(CommandsTest, RestorePutsFilesBelowItsDirectory) {
    two_runs();
    ASSERT_EQ(run({"restore", "--at", "1", "--to", "back", "./a//one.txt", "link"}), kDone) << err();
    EXPECT_THAT(out(), ContainsRegex("^restored 2 files and .* of run 1 to " + (dir_ / "back") + "\n$"));
    EXPECT_EQ(read_file(dir_ / "back/a/one.txt"), "one");
    EXPECT_FALSE(path_exists(dir_ / "back/a/two.txt"));
    ASSERT_EQ(run({"restore", "--to", "back2", "--quiet", "."}), kDone);
    EXPECT_EQ(out(), "");
    EXPECT_EQ(read_file(dir_ / "back2/b/second.txt"), "two two");
    EXPECT_EQ(run({"restore", "--to", "back", "a/one.txt", "--json"}), kIncomplete);
    EXPECT_THAT(err(), StartsWith("icecore: error: not restored: "));
    EXPECT_THAT(out(), HasSubstr("\"problems\":[{\"path\":\"a/one.txt\",\"message\":\"it is there already"));
    EXPECT_EQ(read_file(dir_ / "back/a/one.txt"), "one");
}

TEST_F(CommandsTest, RestoreReplacesAndDeletesWhenTold) {
    two_runs();
    ASSERT_EQ(run({"restore", "--to", "back"}), kDone) << err();
    write_text(dir_ / "back/a/one.txt", "mine");
    write_text(dir_ / "back/a/more", "mine");
    EXPECT_EQ(run({"restore", "--to", "back", "--overwrite", "older"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("\n1 newer file was there and left\n"));
    EXPECT_EQ(read_file(dir_ / "back/a/one.txt"), "mine");
    EXPECT_EQ(run({"restore", "--to", "back", "--overwrite", "always", "--delete"}), kDone) << err();
    EXPECT_THAT(out(), StartsWith("restored 1 file and "));
    EXPECT_THAT(out(), HasSubstr("were there already\n1 name was not in the run and deleted\n"));
    EXPECT_EQ(read_file(dir_ / "back/a/one.txt"), "one is longer now");
    EXPECT_FALSE(path_exists(dir_ / "back/a/more"));

    EXPECT_EQ(run({"restore", "--to", "back", "--overwrite", "sometimes"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("never, older or always"));
    EXPECT_EQ(run({"restore", "--to", "back", "--delete"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("--delete needs --overwrite"));
    EXPECT_EQ(run({"restore", "--to", "back", "--overwrite", "always", "--delete", "a/one.txt"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("--delete works on directories"));
}

TEST_F(CommandsTest, RestoreStaysAwayFromBackups) {
    two_runs();
    auto kept = [&] {
        std::vector<std::string> names = list_directory(dir_ / "backup-home");
        std::erase_if(names, [](const std::string& name) { return name.starts_with("catalog.db-"); });
        std::sort(names.begin(), names.end());
        return names;
    };
    std::vector<std::string> before = kept();
    auto expect_refused = [&](const std::string& to, const std::string& what) {
        EXPECT_EQ(run({"restore", "--to", to, "--overwrite", "always", "--delete"}), kUsage) << to;
        EXPECT_THAT(err(), HasSubstr(what));
        EXPECT_EQ(kept(), before);
    };
    expect_refused(dir_.path(), "--delete would delete the backup directory");
    expect_refused("/", "--delete would delete the backup directory");
    std::filesystem::create_directory_symlink(dir_.path(), dir_ / "link-to-all");
    expect_refused(dir_ / "link-to-all", "--delete would delete the backup directory");
    expect_refused(dir_ / "backup-home", "nothing is restored there");
    EXPECT_EQ(run({"restore", "--to", dir_ / "backup-home/below"}), kUsage);
    EXPECT_EQ(kept(), before);
}

TEST_F(CommandsTest, ManyFilesLostForOneReasonAreOneLine) {
    for (int i = 0; i < 30; ++i) write_text(dir_ / format("data-home/many/{}", i), "x");
    ASSERT_EQ(run({"backup"}), kDone);
    for (const std::string& name : list_directory(dir_ / "backup-home"))
        if (name.ends_with(".tar.zst")) std::filesystem::remove(dir_ / ("backup-home/" + name));
    EXPECT_EQ(run({"restore", "--to", "back", "many"}), kIncomplete);
    EXPECT_THAT(err(), ContainsRegex("not restored: many/0: volume .*: the file is missing\n"));
    EXPECT_THAT(err(), ContainsRegex("not restored: 20 more: volume .*: the file is missing"));
    EXPECT_EQ(std::ranges::count(err(), '\n'), 11);
    EXPECT_EQ(run({"restore", "--to", "back", "--json", "many"}), kIncomplete);
    EXPECT_THAT(out(), HasSubstr("\"many/29\""));
}

TEST_F(CommandsTest, UnreadableFilesGiveStatusThree) {
    if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
    chmod((dir_ / "data-home/a/one.txt").c_str(), 0);
    EXPECT_EQ(run({"backup"}), kIncomplete);
    EXPECT_THAT(out(), HasSubstr("; 1 error\n"));
}

TEST_F(CommandsTest, ATerminalGetsAProgressLineThatGoesAway) {
    program_.io.err_is_terminal = true;
    ASSERT_EQ(run({"backup"}), kDone);
    EXPECT_THAT(err(), StartsWith("\r"));
    EXPECT_THAT(err(), ::testing::EndsWith(" \r"));
    EXPECT_THAT(err(), Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace icecore::cli
