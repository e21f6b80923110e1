#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/format.h"
#include "cli/command.h"
#include "cli/config_target.h"
#include "cli/test_io.h"

namespace icecore::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

class CompletionTest : public ::testing::Test {
  protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
        program_.io.cwd = dir_.path();
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        write_text(dir_ / "icecore.toml",
                   set("home") + set("mail") + "[set.target]\ntype = \"glacier\"\nvault = \"photos\"\n");
        write_text(dir_ / "home/letters/one.txt", "one");
        write_text(dir_ / "home/list", "two");
        fs::create_directory(dir_ / "mail");
    }
    std::string set(const std::string& name) const {
        return format("[[set]]\nname = \"{0}\"\ndata = \"{1}/{0}\"\nbackup = \"{1}/b-{0}\"\n", name,
                      dir_.path());
    }
    void backup() {
        ASSERT_EQ(program_.run({"backup", "--set", "home", "-q"}), kDone) << program_.err.str();
        program_.clock.advance_ns(86'400'000'000'000);
    }
    Completion complete(const Words& words) { return complete_words(words, program_.io); }
    Words offered(const Words& words) {
        Words texts;
        for (const Completion::Candidate& candidate : complete(words).candidates)
            texts.push_back(candidate.text);
        return texts;
    }
    /// What the hidden command prints, its fields.
    Words printed(Words args) {
        args.insert(args.begin(), "__complete");
        EXPECT_EQ(program_.run(args), kDone);
        EXPECT_EQ(program_.err.str(), "");
        Words fields;
        std::string out = program_.out.str();
        for (std::size_t at = 0; at < out.size();) {
            std::size_t end = out.find('\0', at);
            fields.push_back(out.substr(at, end - at));
            at = end + 1;
        }
        return fields;
    }
    TempDir dir_;
    TestProgram program_;
};

TEST_F(CompletionTest, OffersCommands) {
    EXPECT_THAT(offered({"re"}), ElementsAre("report", "restore", "recover", "rebuild"));
    EXPECT_THAT(offered({"vault", ""}), ElementsAre("list", "create", "delete", "sync"));
    EXPECT_THAT(offered({"help", "vault", "s"}), ElementsAre("sync"));
    EXPECT_THAT(offered({"--quiet", "--set", "home", "upl"}), ElementsAre("upload"));
    EXPECT_THAT(offered({""}), Contains("vault").Times(1));
    EXPECT_THAT(offered({""}), Contains("help"));
    EXPECT_THAT(offered({"nonsense", ""}), IsEmpty());
}

TEST_F(CompletionTest, OffersOptionsOfTheCommandAndOfAll) {
    EXPECT_THAT(offered({"restore", "--ov"}), ElementsAre("--overwrite"));
    EXPECT_THAT(offered({"restore", "--se"}), ElementsAre("--set"));
    EXPECT_THAT(offered({"list", "--ov"}), IsEmpty());
    EXPECT_THAT(offered({"find", "--", "--ov"}), IsEmpty());
    EXPECT_THAT(offered({"restore", "-q"}), ElementsAre("-q"));
}

TEST_F(CompletionTest, OffersValuesThatTheCommandsTake) {
    EXPECT_THAT(offered({"list", "--set", ""}), ElementsAre("home", "mail"));
    EXPECT_THAT(offered({"list", "--set=m"}), ElementsAre("--set=mail"));
    EXPECT_THAT(offered({"vault", "sync", "p"}), ElementsAre("photos"));
    EXPECT_EQ(complete({"--config", "x"}).kind, Completion::Kind::files);
    Completion attached = complete({"restore", "--to=x"});
    EXPECT_EQ(attached.kind, Completion::Kind::directories);
    EXPECT_EQ(attached.before, "--to=");
    // Each is taken by the command that offers it: none is complained about.
    backup();
    for (const auto& command : make_commands()) {
        Arguments arguments;
        command->declare(arguments);
        for (const Arguments::Option& option : arguments.options()) {
            if (option.metavar != "TIER" && option.metavar != "WHAT" && option.metavar != "WHERE") continue;
            std::string name(command->texts().name);
            if (name.find(' ') != std::string::npos) continue;
            Words choices = offered({name, option.long_name(), ""});
            EXPECT_THAT(choices, SizeIs(3)) << name << option.long_name();
            for (const std::string& choice : choices) {
                program_.run({name, "--set", "home", "--to", dir_ / "to", option.long_name(), choice});
                EXPECT_THAT(program_.err.str(), Not(::testing::HasSubstr("\"" + choice + "\""))) << name;
                EXPECT_THAT(program_.err.str(), Not(::testing::HasSubstr("cannot be"))) << name;
            }
        }
    }
}

TEST_F(CompletionTest, OffersRunsAndDays) {
    backup();
    backup();
    EXPECT_THAT(offered({"restore", "--set", "home", "--at", ""}), ElementsAre("latest", "2", "1"));
    EXPECT_THAT(offered({"restore", "--set", "home", "--at", "2026-"}),
                ElementsAre("2026-11-24", "2026-11-23"));
    EXPECT_THAT(offered({"diff", "--set", "home", "1", ""}), ElementsAre("latest", "2", "1"));
    EXPECT_THAT(offered({"diff", "--set", "home", "1", "2", ""}), IsEmpty());
}

TEST_F(CompletionTest, OffersPathsOfTheRun) {
    backup();
    fs::remove(dir_ / "home/list");
    backup();
    EXPECT_THAT(offered({"ls", "--set", "home", ""}), ElementsAre("letters/"));
    EXPECT_THAT(offered({"ls", "--set", "home", "--at", "1", "l"}), ElementsAre("letters/", "list"));
    EXPECT_THAT(offered({"ls", "--set", "home", "letters/"}), ElementsAre("letters/one.txt"));
    EXPECT_THAT(offered({"ls", "--set", "home", "./letters//o"}), ElementsAre("./letters//one.txt"));
    EXPECT_THAT(offered({"ls", "--set", "home", "letters/one.txt"}), ElementsAre("letters/one.txt"));
    EXPECT_THAT(offered({"ls", "--set", "home", dir_ / "hom"}), ElementsAre(dir_ / "home/"));
    EXPECT_THAT(offered({"ls", "--set", "home", dir_ / "home/le"}), ElementsAre(dir_ / "home/letters/"));
    EXPECT_THAT(offered({"restore", "--set", "home", "letters", "letters/"}), ElementsAre("letters/one.txt"));
    EXPECT_THAT(printed({"words", "ls", "--set", "home", "../"}), IsEmpty());
    EXPECT_THAT(printed({"words", "ls", "le"}), IsEmpty()) << "of which set?";
}

TEST_F(CompletionTest, OffersTargetsAndTheirKeys) {
    EXPECT_THAT(offered({"init", "--target", ""}), ElementsAre("dir:", "s3://", "glacier:"));
    EXPECT_THAT(offered({"init", "--target", "s3://b/p?re"}), ElementsAre("s3://b/p?region="));
    EXPECT_THAT(offered({"init", "--target", "s3://b/p?region=x&pro"}),
                ElementsAre("s3://b/p?region=x&profile="));
    EXPECT_THAT(offered({"init", "--target", "glacier:v?acc"}), ElementsAre("glacier:v?account="));
    EXPECT_THAT(offered({"init", "--target", "dir:ho"}), ElementsAre("dir:home/"));
    EXPECT_THAT(offered({"init", "--target", "dir:" + (dir_ / "home/")}),
                ElementsAre("dir:" + (dir_ / "home/letters/")));
    EXPECT_THAT(target_keys("dir"),
                UnorderedElementsAre("type", "path", "host", "poll_interval", "upload_limit"));
}

TEST_F(CompletionTest, ReplacesWhatBashReplaces) {
    backup();
    write_text(dir_ / "home/it's new", "x");
    backup();
    EXPECT_THAT(printed({"line", "icecore ls --set=ho", "ho"}),
                ElementsAre("words", "--set=", "home", dir_ / "home"));
    EXPECT_THAT(printed({"line", "icecore ls --set home it", "it"}),
                ElementsAre("words", "", "it\\'s\\ new", ""));
    EXPECT_THAT(printed({"line", "icecore ls --set home 'it", "it"}),
                ElementsAre("words", "", "it'\\''s new", ""));
    EXPECT_THAT(printed({"line", "icecore init --target s3:", ""}),
                ElementsAre("words", "", "//", "a bucket of S3: s3://BUCKET/PREFIX"));
    EXPECT_THAT(printed({"line", "icecore", "icecore"}), IsEmpty());
}

TEST_F(CompletionTest, IsSilentWhereNothingCanBeKnown) {
    EXPECT_THAT(printed({"words", "ls", "--set", "home", ""}), IsEmpty()) << "no catalogue";
    EXPECT_FALSE(fs::exists(dir_ / "b-home")) << "and none is made";
    write_text(dir_ / "b-home/catalog.db", "not a database");
    EXPECT_THAT(printed({"words", "ls", "--set", "home", ""}), IsEmpty());
    EXPECT_THAT(list_directory(dir_ / "b-home"), ElementsAre("catalog.db"));
    write_text(dir_ / "icecore.toml", "nonsense");
    EXPECT_THAT(printed({"words", "ls", "--set", ""}), IsEmpty());
    EXPECT_THAT(printed({"words"}), IsEmpty());
    EXPECT_THAT(printed({}), IsEmpty());
}

}  // namespace
}  // namespace icecore::cli
