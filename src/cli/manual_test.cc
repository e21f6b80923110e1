// The manual says what the program does: the same commands, options and configuration keys.
// tests/manual_pages_test compares the finished pages with --help.

#include "cli/manual_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "cli/config.h"

namespace icecore::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::set<std::string>;

const std::string kDir = ICECORE_DOC_DIR "/man/";

/// All first groups of `pattern` in `text`.
Words matches(const std::string& text, const std::string& pattern) {
    std::regex regex(pattern);
    Words words;
    for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
        words.insert((*it)[1]);
    return words;
}

/// The lines from `begin` to the next line that starts with `end`.
std::string section(const std::string& text, const std::string& begin, const std::string& end) {
    std::size_t from = text.find(begin);
    EXPECT_NE(from, std::string::npos) << begin;
    if (from == std::string::npos) return {};
    std::size_t to = text.find("\n" + end, from + begin.size());
    return text.substr(from + begin.size(), to - from - begin.size());
}

class TwoOptions final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {.name = "group try",
                                     .summary = "try a_b",
                                     .description = "Tries *it*.\n\n  a  one\n  b  two\n\nEnds.",
                                     .example = "icecore group try * \\\n    a"};
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.flag("-f,--fast", fast_, "be fast");
        arguments.value("--to_do", "FILE", file_, "zstd:1 is not a word");
        arguments.words("PATH", paths_, "what to try");
    }
    int run(Session&) override { return 0; }

  private:
    bool fast_ = false;
    std::string file_;
    std::vector<std::string> paths_;
};

TEST(ManualPage, IsMadeOfTheCommandAndWhatIsAdded) {
    TwoOptions command;
    ManualPage page = command_page(command, "Tries\nmore.\n\n*--fast*\n\tFast, *very*.\n\n\tTwice.\n");
    EXPECT_EQ(page.name, "icecore-group-try");
    EXPECT_THAT(
        page.text,
        HasSubstr("icecore-group-try(1)\n\n# NAME\n\nicecore-group-try - try a\\_b\n\n# SYNOPSIS\n\n"
                  "*icecore group try* [_OPTION_...] [_PATH_...]\n\n# DESCRIPTION\n\nTries\nmore.\n"));
    EXPECT_THAT(page.text, HasSubstr("# ARGUMENTS\n\n_PATH_\n\tWhat to try.\n"));
    EXPECT_THAT(page.text, HasSubstr("# OPTIONS\n\n*-f*, *--fast*\n\tFast, *very*.\n\n\tTwice.\n\n"
                                     "*--to_do* _FILE_\n\tzstd:1 is not a word.\n"));
    EXPECT_THAT(page.text, HasSubstr("# EXAMPLES\n\n```\nicecore group try * \\\\\n    a\n```\n"));
}

TEST(ManualPage, HasTheTextOfHelpWhereNothingIsAdded) {
    TwoOptions command;
    EXPECT_THAT(command_page(command, "").text,
                HasSubstr("# DESCRIPTION\n\nTries \\*it\\*.\n\n```\na  one\nb  two\n```\n\nEnds.\n"));
}

TEST(ManualPage, KnowsNoOptionThatTheCommandHasNot) {
    TwoOptions command;
    EXPECT_THROW(command_page(command, "*--slow*\n\tSlow.\n"), Error);
    EXPECT_THROW(command_page(command, "*--fast*\n\n"), Error);
}

TEST(Manual, AddsToCommandsThatExist) {
    Words known = {"icecore.1", "icecore.toml.5"};
    for (const auto& command : make_commands()) known.insert(hyphenated(command->texts().name));
    for (const std::string& file : list_directory(kDir))
        EXPECT_TRUE(known.contains(file.substr(0, file.find(".scd")))) << file;
}

/// The keys that a table may have, as the message about an unknown one lists them.
Words known_keys(const std::string& toml) {
    try {
        parse_config(toml, "c.toml");
    } catch (const Error& error) {
        EXPECT_THAT(error.hint(), HasSubstr("known keys: ")) << error.message();
        return matches(error.hint(), "([a-z_]+)(?:,|$)");
    }
    ADD_FAILURE() << "was accepted: " << toml;
    return {};
}

const std::string kSet = "[[set]]\nname = \"a\"\ndata = \"/a\"\nbackup = \"/b\"\n";
const std::string kNoKey = "qqqqqqqqqqqqqqqqqqqqqqqq = 1\n";

/// What a section of icecore.toml(5) says: keys, and the text below each.
std::map<std::string, std::string> documented(const std::string& heading) {
    std::string text = "\n" + section(read_file(kDir + "icecore.toml.5.scd"), "# " + heading + "\n", "# ");
    std::map<std::string, std::string> keys;
    Words open;
    for (std::size_t at = 1; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line.starts_with("*"))
            open = matches(line, "\\*([a-z_]+)\\*");
        else if (line.starts_with("\t"))
            for (const std::string& key : open) keys[key] += line + "\n";
    }
    return keys;
}

Words names(const std::map<std::string, std::string>& keys) {
    Words words;
    for (const auto& [name, text] : keys) words.insert(name);
    return words;
}

TEST(Manual, NamesTheKeysOfSetsAndReports) {
    Words set = known_keys(kSet + kNoKey);
    EXPECT_EQ(set.erase("target"), 1U);  // a section of its own
    EXPECT_EQ(names(documented("SETS")), set);
    EXPECT_EQ(names(documented("REPORTS")), known_keys("[report]\n" + kNoKey + kSet));
    EXPECT_EQ(known_keys(kNoKey + kSet), (Words{"report", "set"}));
}

TEST(Manual, NamesTheKeysOfEachKindOfTarget) {
    std::map<std::string, std::string> keys = documented("TARGETS");
    const std::map<std::string, std::string> kinds = {
        {"s3", "bucket = \"bucket\"\n"}, {"glacier", "vault = \"v\"\n"}, {"dir", "path = \"/c\"\n"}};
    for (const auto& [kind, required] : kinds) {
        Words expected;
        for (const auto& [key, text] : keys) {
            std::string scope = text.substr(0, text.find(':'));
            bool all = !text.starts_with("\t\"") || key == "type";
            if (all || scope.find("\"" + kind + "\"") != std::string::npos) expected.insert(key);
        }
        EXPECT_EQ(known_keys(kSet + "[set.target]\ntype = \"" + kind + "\"\n" + required + kNoKey), expected)
            << kind;
    }
}

}  // namespace
}  // namespace icecore::cli
