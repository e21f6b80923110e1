#include "base/text.h"

#include <gtest/gtest.h>

#include <random>

namespace icecore {
namespace {

TEST(EscapePath, Table) {
    struct {
        std::string raw;
        const char* escaped;
    } cases[] = {
        {"", ""},
        {"a/b c", "a/b c"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\nb", "a\\x0ab"},
        {"\x7f", "\\x7f"},
        {"a\\b", "a\\x5cb"},
        {std::string("\0", 1), "\\x00"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc3", "\\xc3"},                             // cut
        {"\xc3(", "\\xc3("},                           // not continued
        {"\xc0\x80", "\\xc0\\x80"},                    // overlong
        {"\xe0\x80\x80", "\\xe0\\x80\\x80"},           // overlong
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // a surrogate
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond U+10FFFF
    };
    for (const auto& c : cases) {
        EXPECT_EQ(escape_path(c.raw), c.escaped);
        EXPECT_EQ(unescape_path(c.escaped), c.raw);
    }
}

TEST(EscapePath, RandomBytesComeBack) {
    std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): repeatable
    for (int i = 0; i < 20000; ++i) {
        std::string raw;
        for (std::size_t n = random() % 8; n > 0; --n)
            raw += static_cast<char>(random() % 3 == 0 ? '\\' : random());
        std::string escaped = escape_path(raw);
        ASSERT_EQ(unescape_path(escaped), raw);
        for (std::string_view rest = escaped; !rest.empty();) {
            std::size_t length = utf8_sequence_length(rest);
            ASSERT_GT(length, 0U);
            rest.remove_prefix(length);
        }
    }
}

TEST(UnescapePath, Refuses) {
    for (const char* text : {"\\", "\\x", "\\x4", "\\xg0", "\\x0g", "\\n", "a\\\\b", "\\X41"})
        EXPECT_FALSE(unescape_path(text)) << text;
}

TEST(Paths, JoinAndSplit) {
    EXPECT_EQ(join_path("", "a"), "a");
    EXPECT_EQ(join_path("a/b", "c"), "a/b/c");
    EXPECT_EQ(parent_path("a/b/c"), "a/b");
    EXPECT_EQ(parent_path("a"), "");
    EXPECT_EQ(base_name("a/b/c"), "c");
    EXPECT_EQ(base_name("a"), "a");
}

TEST(Paths, IsBelow) {
    EXPECT_TRUE(is_below("a", ""));
    EXPECT_TRUE(is_below("", ""));
    EXPECT_TRUE(is_below("a", "a"));
    EXPECT_TRUE(is_below("a/b", "a"));
    EXPECT_FALSE(is_below("ab", "a"));
    EXPECT_FALSE(is_below("a", "a/b"));
    EXPECT_FALSE(is_below("", "a"));
}

TEST(Hex, BothWays) {
    EXPECT_EQ(to_hex(std::string_view("\x00\xff\x1a", 3)), "00ff1a");
    EXPECT_EQ(from_hex("00FF1a"), std::string("\x00\xff\x1a", 3));
    EXPECT_EQ(from_hex(""), "");
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("0g"));
    EXPECT_FALSE(from_hex("g0"));
}

TEST(Quotable, IsOneLineWithoutControls) {
    EXPECT_EQ(quotable("a\n\r\nb\tc \r\n"), "a b c");
    EXPECT_EQ(quotable("\x1b[31mx\xff\xc3\xa4"), "[31mx \xc3\xa4");
    EXPECT_EQ(quotable("a\xc2\x9b"
                       "31mb\xc2\x80\xc2\x85"
                       "c\xc2\x9f\xc2\xa0"),
              "a 31mb c \xc2\xa0");
    EXPECT_EQ(quotable("abcdef", 3), "abc…");
    EXPECT_EQ(quotable("abc", 3), "abc");
    EXPECT_EQ(quotable(" \n"), "");
}

TEST(TakeLine, TakesLineAfterLine) {
    std::string_view text = "a\n\nb";
    EXPECT_EQ(take_line(text), "a");
    EXPECT_EQ(take_line(text), "");
    EXPECT_EQ(take_line(text), "b");
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(take_line(text), "");
}

TEST(Trimmed, LosesBlanksAtBothEnds) {
    EXPECT_EQ(trimmed(" \ta b\r\n"), "a b");
    EXPECT_EQ(trimmed(" \n"), "");
    EXPECT_EQ(trimmed(""), "");
    EXPECT_EQ(trimmed("x"), "x");
}

}  // namespace
}  // namespace icecore
