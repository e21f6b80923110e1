#include "cli/shell_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <random>

namespace icecore::cli {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(std::string_view line) {
    std::vector<std::string> out;
    for (const ShellWord& word : shell_words(line)) out.push_back(word.text);
    return out;
}

TEST(ShellLine, TakesWordsApart) {
    EXPECT_THAT(texts(""), ElementsAre(""));
    EXPECT_THAT(texts("  icecore"), ElementsAre("icecore"));
    EXPECT_THAT(texts("icecore "), ElementsAre("icecore", ""));
    EXPECT_THAT(texts("icecore\tls  my\\ a"), ElementsAre("icecore", "ls", "my a"));
    EXPECT_THAT(texts("a'b c'd\"e $f\\\"\\$\\a\"g"), ElementsAre("ab cde $f\"$\\ag"));
    EXPECT_THAT(texts("$'a\\n\\x41\\101\\'\\q'b"), ElementsAre("a\nAA'\\qb"));
    EXPECT_THAT(texts("$HOME ~/x --a=b:c"), ElementsAre("$HOME", "~/x", "--a=b:c"));
    EXPECT_THAT(texts("'' \"\" "), ElementsAre("", "", ""));
}

TEST(ShellLine, TellsWhichQuoteIsOpen) {
    EXPECT_EQ(shell_words("a 'b c").back().open, ShellQuote::single_quote);
    EXPECT_EQ(shell_words("a 'b c").back().text, "b c");
    EXPECT_EQ(shell_words("a \"b c").back().open, ShellQuote::double_quote);
    EXPECT_EQ(shell_words("a $'b c").back().open, ShellQuote::ansi);
    EXPECT_EQ(shell_words("a 'b c'").back().open, ShellQuote::none);
    EXPECT_EQ(shell_words("a \\").back().text, "");
    EXPECT_EQ(shell_words("a 'b'\"c\"d").back().raw, "'b'\"c\"d");
}

/// What bash makes of a word.
std::string bash_word(const std::string& typed) {
    std::string script = "printf %s " + typed + "; exit";
    std::FILE* pipe =
        popen(("exec bash --norc --noprofile <<'icecore end'\n" + script + "\nicecore end\n").c_str(), "r");
    if (pipe == nullptr) return "no bash";
    std::string out;
    std::array<char, 4096> buffer{};
    for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        out.append(buffer.data(), n);
    pclose(pipe);
    return out;
}

TEST(ShellLine, TypedTextIsTheSameForBashAndForUs) {
    const std::array<std::pair<ShellQuote, std::pair<std::string, std::string>>, 4> quotes{
        {{ShellQuote::none, {"", ""}},
         {ShellQuote::single_quote, {"'", "'"}},
         {ShellQuote::double_quote, {"\"", "\""}},
         {ShellQuote::ansi, {"$'", "'"}}}};
    std::string all;
    for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
    std::mt19937 random(7);
    std::vector<std::string> samples = {all, "-", "~", "#x", "it's \"$HOME\" `id` \\ !x"};
    for (int i = 0; i < 5; ++i) {
        std::shuffle(all.begin(), all.end(), random);
        samples.push_back(all.substr(0, 100));
    }
    for (const auto& [open, ends] : quotes) {
        for (const std::string& sample : samples) {
            std::string typed = ends.first + shell_typed(sample, open);
            EXPECT_EQ(shell_words(typed).back().text, sample) << typed;
            EXPECT_EQ(shell_words(typed).back().open, open) << typed;
            EXPECT_EQ(bash_word(typed + ends.second), sample) << typed;
        }
    }
}

}  // namespace
}  // namespace icecore::cli
