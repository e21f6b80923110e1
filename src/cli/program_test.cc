// Command lines, help and init, in memory.

#include "cli/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/config.h"
#include "cli/help.h"
#include "cli/table.h"
#include "cli/test_io.h"

namespace icecore::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ProgramTest : public ::testing::Test {
  protected:
    std::string out() const { return program_.out.str(); }
    std::string err() const { return program_.err.str(); }
    int run(const std::vector<std::string>& args, const std::string& input = {}) {
        return program_.run(args, input);
    }
    TempDir dir_;
    TestProgram program_;
};

void expect_fits(const std::string& text) {
    for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = text.find('\n', begin);
        ASSERT_NE(end, std::string::npos);
        EXPECT_LE(text_columns(text.substr(begin, end - begin)), 80U) << text.substr(begin, end - begin);
        begin = end + 1;
    }
}

TEST_F(ProgramTest, EveryHelpFitsAndEndsWithAnExample) {
    for (const auto& command : make_commands()) {
        std::string name(command->texts().name);
        ASSERT_EQ(run({name, "--help"}), kDone) << name;
        std::string help = out();
        expect_fits(help);
        EXPECT_THAT(help, StartsWith("Usage: icecore " + name + " "));
        EXPECT_THAT(help, HasSubstr("\nExample:\n  icecore "));
        EXPECT_LE(std::count(help.begin(), help.end(), '\n'), 40) << name << ": short and friendly";
        EXPECT_EQ(run({"help", name}), kDone);
        EXPECT_EQ(out(), help);
        EXPECT_EQ(run({"-h", name, "--nonsense"}), kDone);
        EXPECT_EQ(out(), help);
    }
}

TEST_F(ProgramTest, AloneItPrintsAnOverviewAndFails) {
    EXPECT_EQ(run({}), kUsage);
    EXPECT_EQ(out(), "");
    expect_fits(err());
    std::string overview = err();
    for (const auto& command : make_commands()) {
        EXPECT_THAT(overview, HasSubstr("\n  " + std::string(command->texts().name) + " "));
    }
    for (std::vector<std::string> args : {std::vector<std::string>{"--help"}, {"-h"}, {"help"}}) {
        EXPECT_EQ(run(args), kDone);
        EXPECT_EQ(out(), overview);
        EXPECT_EQ(err(), "");
    }
}

TEST_F(ProgramTest, GroupsOfCommands) {
    for (const char* group : {"vault", "archive", "job"}) {
        EXPECT_EQ(run({group}), kUsage);
        std::string text = err();
        EXPECT_THAT(text, StartsWith(std::string("Usage: icecore ") + group + " COMMAND "));
        EXPECT_THAT(text, HasSubstr(std::string("\n  ") + group + " list"));
        expect_fits(text);
        for (std::vector<std::string> args : {std::vector<std::string>{group, "--help"}, {"help", group}}) {
            EXPECT_EQ(run(args), kDone);
            EXPECT_EQ(out(), text);
        }
    }
    EXPECT_EQ(run({"vault", "list", "--help"}), kDone);
    EXPECT_THAT(out(), StartsWith("Usage: icecore vault list "));
    std::string help = out();
    EXPECT_EQ(run({"help", "vault", "list"}), kDone);
    EXPECT_EQ(out(), help);
    EXPECT_EQ(run({"vault", "snyc", "x"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("did you mean \"vault sync\"?"));
}

TEST_F(ProgramTest, UsageOfVaultCommands) {
    struct Line {
        std::vector<std::string> args;
        const char* error;
    };
    const std::vector<Line> lines = {
        {{"vault", "create"}, "VAULT is missing"},
        {{"vault", "sync", "v", "--max-age", "soon"}, "--max-age cannot be \"soon\""},
        {{"archive", "upload", "v", "-"}, "what comes in a pipe has no name"},
        {{"archive", "upload", "v", "-", "--name", "x", "--part-size", "3MiB"}, "--part-size cannot be"},
        {{"archive", "upload", "v", "f", "--name", "two  blanks"}, "a vault does not keep blanks"},
        {{"archive", "retrieve", "v"}, "ARCHIVE is missing"},
        {{"archive", "retrieve", "v", "a", "--tier", "fast"}, "--tier cannot be fast"},
        {{"archive", "retrieve", "v", "a", "b", "-o", "x"}, "several archives cannot go into one output"},
        {{"archive", "retrieve", "v", "a", "-o-", "--json"}, "both want the standard output"},
        {{"archive", "checkpresent", "v"}, "ARCHIVE is missing"},
        {{"job", "list", "--account", "12"}, "--account cannot be \"12\""},
    };
    for (const Line& line : lines) {
        EXPECT_EQ(run(line.args), kUsage) << line.error;
        EXPECT_THAT(err(), HasSubstr(line.error));
    }
}

TEST_F(ProgramTest, PrintsItsVersion) {
    EXPECT_EQ(run({"--version"}), kDone);
    std::string line = out();
    EXPECT_THAT(line, ::testing::MatchesRegex("icecore [0-9.]+\n"));
    EXPECT_EQ(run({"version"}), kDone);
    EXPECT_THAT(out(), StartsWith(line.substr(0, line.size() - 1) + " (manifest format 1.3)"));
    for (const auto& args : {std::vector<std::string>{"version", "--json"}, {"--json", "version"}}) {
        EXPECT_EQ(run(args), kDone);
        EXPECT_THAT(out(), ::testing::MatchesRegex("\\{\"version\":\"[0-9.]+\",\"manifest\":\"1.3\"\\}\n"));
    }
}

struct BadLine {
    std::vector<std::string> args;
    const char* error;
    const char* hint;
};

TEST_F(ProgramTest, BadCommandLinesAreExplained) {
    const std::vector<BadLine> kLines = {
        {{"bakcup"}, "unknown command \"bakcup\"", "did you mean \"backup\"?"},
        {{"frobnicate"}, "unknown command \"frobnicate\"", "icecore --help lists the commands"},
        {{"help", "lits"}, "unknown command \"lits\"", "did you mean \"list\"?"},
        {{"--jsno"}, "unknown option \"--jsno\"", "did you mean --json?"},
        {{"backup", "--ful"}, "unknown option \"--ful\"", "did you mean --full?"},
        {{"backup", "--xyzzyplugh=7"}, "unknown option \"--xyzzyplugh\"", "see icecore backup --help"},
        {{"backup", "-z"}, "unknown option \"-z\"", "see icecore backup --help"},
        {{"backup", "home"}, "unexpected argument \"home\"", "see icecore backup --help"},
        {{"list", "--config"}, "--config needs a value", "see icecore list --help"},
        {{"list", "--set", "a", "--set", "b"}, "--set may be given only once", "see icecore list --help"},
        {{"restore", "--to", "r", "--at", ""},
         "--at needs a value, and this one is empty",
         "see icecore restore --help"},
        {{"restore", "--to", "r", "--at=", "a"},
         "--at needs a value, and this one is empty",
         "see icecore restore --help"},
        {{"--set", "", "backup"}, "--set needs a value, and this one is empty", "see icecore backup --help"},
        {{"list", "--config="}, "--config needs a value, and this one is empty", "see icecore list --help"},
        {{"init", "--exclude", "a", "--exclude", ""},
         "--exclude needs a value, and this one is empty",
         "see icecore init --help"},
        {{"archive", "retrieve", "v", "a", "-o", ""},
         "--output needs a value, and this one is empty",
         "see icecore archive retrieve --help"},
        {{"diff", "", "latest"}, "RUN1 is empty", "see icecore diff --help"},
        {{"restore", "--to", "r", "--", "a", ""}, "PATH is empty", "see icecore restore --help"},
        {{"find"}, "PATTERN is missing", "see icecore find --help"},
        {{"diff", "1"}, "RUN2 is missing", "see icecore diff --help"},
        {{"ls", "a", "b"}, "unexpected argument \"b\"", "see icecore ls --help"},
        {{"log", "--", "1", "--json"}, "unexpected argument \"--json\"", "see icecore log --help"},
        {{"restore", "a"}, "restore needs to know where to", "--to DIR, a directory that is made if missing"},
        {{"bad\x1b[31m"}, "unknown command \"bad\\x1b[31m\"", "icecore --help lists the commands"},
    };
    for (const BadLine& line : kLines) {
        EXPECT_EQ(run(line.args), kUsage);
        EXPECT_EQ(err(), std::string("icecore: error: ") + line.error + "\nhint: " + line.hint + "\n");
        EXPECT_EQ(out(), "");
    }
}

TEST_F(ProgramTest, ConfigurationErrorsAreUsage) {
    write_text(dir_ / "c.toml", "[[set]]\nname = \"home\"\n");
    EXPECT_EQ(run({"--config", dir_ / "c.toml", "status"}), kUsage);
    EXPECT_EQ(err(), "icecore: error: " + (dir_ / "c.toml") + ":1: set: \"data\" is missing\n");
    EXPECT_EQ(run({"status", "--config=" + (dir_ / "none.toml")}), kUsage);
    EXPECT_THAT(err(), HasSubstr("cannot read the configuration: "));
    EXPECT_THAT(err(), HasSubstr("hint: icecore init makes one\n"));
    program_.environment["ICECORE_CONFIG"] = dir_ / "none.toml";
    EXPECT_EQ(run({"status"}), kUsage);
    EXPECT_THAT(err(), HasSubstr(dir_ / "none.toml"));
}

TEST_F(ProgramTest, SeveralSetsNeedAName) {
    write_text(dir_ / "c.toml",
               "[[set]]\nname = \"home\"\ndata = \"/d\"\nbackup = \"/b\"\n"
               "[[set]]\nname = \"work\"\ndata = \"/e\"\nbackup = \"/c\"\n");
    program_.environment["ICECORE_CONFIG"] = dir_ / "c.toml";
    EXPECT_EQ(run({"list"}), kUsage);
    EXPECT_EQ(err(),
              "icecore: error: there are several sets, and this command needs one\n"
              "hint: --set NAME, one of: home, work\n");
    EXPECT_EQ(run({"--set", "hoem", "list"}), kUsage);
    EXPECT_EQ(err(),
              "icecore: error: no set \"hoem\" in " + (dir_ / "c.toml") + "\nhint: did you mean \"home\"?\n");
    EXPECT_EQ(run({"--set", "x", "list"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("hint: the sets are: home, work\n"));
}

TEST_F(ProgramTest, ColourOnlyOnATerminalThatWantsIt) {
    const std::string kRed = "\x1b[1;31m";
    EXPECT_EQ(run({"nope"}), kUsage);
    EXPECT_THAT(err(), ::testing::Not(HasSubstr("\x1b")));
    program_.io.err_is_terminal = true;
    EXPECT_EQ(run({"nope"}), kUsage);
    EXPECT_THAT(err(), HasSubstr(kRed + "error: \x1b[0m"));
    EXPECT_EQ(run({"--no-color", "nope"}), kUsage);
    EXPECT_THAT(err(), ::testing::Not(HasSubstr("\x1b")));
    program_.environment["NO_COLOR"] = "1";
    EXPECT_EQ(run({"nope"}), kUsage);
    EXPECT_THAT(err(), ::testing::Not(HasSubstr("\x1b")));
}

TEST_F(ProgramTest, AFullDiskUnderStandardOutputIsAnError) {
    program_.out.setstate(std::ios::badbit);
    EXPECT_EQ(run_program({"version"}, program_.io), kFailed);
    EXPECT_THAT(err(), HasSubstr("cannot write to standard output"));
}

// ---- init ----

class InitTest : public ProgramTest {
  protected:
    void SetUp() override {
        program_.io.cwd = dir_.path();
        program_.environment["HOME"] = dir_ / "home";
        std::filesystem::create_directories(dir_ / "data");
    }
    std::string config_ = dir_ / "etc/icecore.toml";
};

TEST_F(InitTest, WritesAConfigurationThatParses) {
    EXPECT_EQ(run({"init", "--config", config_, "--data", "data/", "--backup", "vault/b", "--exclude",
                   "*.tmp", "--exclude", "[a,b]", "--compression", "gzip:6", "--volume-size", "2GiB"}),
              kDone)
        << err();
    Config config = load_config(config_);
    const engine::SetOptions& set = config.sets.at(0);
    EXPECT_EQ(set.name, "data");
    EXPECT_EQ(set.data_dir, dir_ / "data");
    EXPECT_EQ(set.backup_dir, dir_ / "vault/b");
    EXPECT_THAT(set.filters.exclude, ::testing::ElementsAre("*.tmp", "[a,b]"));
    EXPECT_EQ(set.compression.level, 6);
    EXPECT_EQ(set.volume_bytes_max, 2ULL << 30);
    struct stat info {};
    ASSERT_EQ(stat(config_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0600U);
    ASSERT_EQ(stat(set.backup_dir.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0700U);
    EXPECT_THAT(out(), HasSubstr("  icecore --config " + config_ + " backup\n"));
}

TEST_F(InitTest, NeverReplacesAConfiguration) {
    write_text(config_, "mine");
    EXPECT_EQ(run({"init", "--config", config_, "--data", "data", "--backup", "b"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("icecore: error: " + config_ + " is there already\nhint: "));
    EXPECT_EQ(read_file(config_), "mine");
    EXPECT_FALSE(path_exists(dir_ / "b"));
}

TEST_F(InitTest, WithoutATerminalNothingIsAsked) {
    EXPECT_EQ(run({"init", "--config", config_, "--backup", "b"}, "/data\n"), kUsage);
    EXPECT_EQ(err(), "icecore: error: --data is missing\nhint: on a terminal icecore init asks for it\n");
    EXPECT_EQ(run({"init", "--config", config_, "--data", "data"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("--backup is missing"));
    EXPECT_FALSE(path_exists(config_));
}

TEST_F(InitTest, RefusesAnswersThatCannotWork) {
    struct Case {
        std::vector<std::string> args;
        int status;
        const char* error;
    };
    for (const Case& c : std::initializer_list<Case>{
             {{"--data", "data", "--backup", "data/b"}, kUsage, "lie inside each other"},
             {{"--data", "data", "--backup", "."}, kUsage, "lie inside each other"},
             {{"--data", "data", "--backup", "data"}, kUsage, "lie inside each other"},
             {{"--data", "nodata", "--backup", "b"}, kFailed, "there is no directory"},
             {{"--data", "data", "--backup", "b", "--name", "a/b"},
              kUsage,
              "--name \"a/b\": expected a name"},
             {{"--data", "data", "--backup", "b", "--compression", "x"}, kUsage, "--compression: "},
             {{"--data", "data", "--backup", "b", "--volume-size", "1MiB"},
              kUsage,
              "--volume-size \"1MiB\": "},
             {{"--data", "data\xff", "--backup", "b"}, kUsage, "is not UTF-8"}}) {
        std::vector<std::string> args{"init", "--config", config_};
        args.insert(args.end(), c.args.begin(), c.args.end());
        EXPECT_EQ(run(args), c.status);
        EXPECT_THAT(err(), HasSubstr(c.error));
        EXPECT_FALSE(path_exists(config_));
        EXPECT_FALSE(path_exists(dir_ / "b"));
    }
}

}  // namespace
}  // namespace icecore::cli
