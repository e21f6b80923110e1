#include "scan/filter.h"

#include <gtest/gtest.h>

namespace icecore::scan {
namespace {

struct Case {
    const char* pattern;
    const char* path;  ///< ends in '/': a directory
    bool matches;
};

// The examples and rules of gitignore(5), one after the other.
constexpr Case kCases[] = {
    {"", "a", false},
    {"# a", "# a", false},
    {"\\#a", "#a", true},
    {"\\!a", "!a", true},
    {"a  ", "a", true},
    {"a\\ ", "a ", true},
    {"a\\  ", "a ", true},
    {"a\t", "a", false},
    {" a", "a", false},
    {" a", " a", true},
    {"foo", "foo", true},
    {"foo", "x/y/foo", true},
    {"foo", "xfoo", false},
    {"foo", "foo/x", false},  // what lies below is never asked for
    {"foo/", "foo", false},
    {"foo/", "foo/", true},
    {"foo/", "a/foo/", true},
    {"/foo", "foo", true},
    {"/foo", "a/foo", false},
    {"a/foo", "a/foo", true},
    {"a/foo", "b/a/foo", false},
    {"doc/frotz/", "doc/frotz/", true},
    {"doc/frotz/", "a/doc/frotz/", false},
    {"*", "a", true},
    {"*", "a/b", true},
    {"*.o", ".o", true},
    {"*.o", "a/b.o", true},
    {"*.o", "b.oo", false},
    {"/*.c", "cat.c", true},
    {"/*.c", "mozilla/cat.c", false},
    {"a/*", "a/b", true},
    {"a/*", "a/b/c", false},
    {"foo/*/bar", "foo/x/bar", true},
    {"foo/*/bar", "foo/x/y/bar", false},
    {"f?o", "fxo", true},
    {"f?o", "fo", false},
    {"a/?", "a//", false},
    {"**/foo", "foo", true},
    {"**/foo", "a/b/foo", true},
    {"**/foo/bar", "x/foo/bar", true},
    {"**/foo/bar", "foo/x/bar", false},
    {"abc/**", "abc", false},
    {"abc/**", "abc/x", true},
    {"abc/**", "abc/x/y/z", true},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "a/x/y/bb", false},
    {"a/**/**/b", "a/b", true},
    {"a/***/b", "a/x/y/b", true},
    {"**", "a/b", true},
    {"**/", "a/b", false},
    {"**/", "a/b/", true},
    {"a/x**/b", "a/xy/b", true},
    {"a/x**/b", "a/xy/z/b", false},
    {"**/a/b/**/c/d", "a/a/b/c/a/b/c/d", true},
    {"**/a/*b/c", "a/xb/a/bb/c", true},
    {"[abc]", "b", true},
    {"[!abc]", "b", false},
    {"[^abc]", "d", true},
    {"[a-c]x", "bx", true},
    {"[a-c]x", "-x", false},
    {"[a\\-c]x", "-x", true},
    {"[a-]", "-", true},
    {"[-a]", "-", true},
    {"[]a]", "]", true},
    {"[!]a]", "]", false},
    {"[\\]]", "]", true},
    {"[c-a]", "b", false},
    {"[[:digit:]x]", "7", true},
    {"[[:digit:]x]", "x", true},
    {"[[:digit:]x]", "y", false},
    {"[[:nonsense:]]", "n", false},
    {"[[:digit]", ":", true},
    {"[abc", "a", false},
    {"[abc", "[abc", false},
    {"a[/]b", "a/b", false},
    {"a\\", "a", false},
    {"a\\", "a\\", false},
    {"\\*", "*", true},
    {"\\*", "x", false},
    {"\\a", "a", true},
    {"a//b", "a/b", false},
    {"a//", "a/", false},
    {"//a", "a", false},
    {"/", "a/", false},
    {"\xff*", "\xff\xfe", true},
    {"[\x80-\xff]", "\xfe", true},
    {"?\n", "x\n", true},
};

TEST(PatternList, GitignoreTable) {
    for (const Case& c : kCases) {
        std::string_view path = c.path;
        bool directory = path.ends_with('/') && path != "/";
        if (directory) path.remove_suffix(1);
        PatternList list("exclude", {c.pattern});
        EXPECT_EQ(list.match(path, directory).has_value(), c.matches) << c.pattern << " on " << c.path;
    }
}

TEST(PatternList, LastMatchWins) {
    PatternList list("exclude", {"*.o", "!keep.o", "# comment", "", "keep.o/"});
    EXPECT_EQ(list.source(), "exclude");
    ASSERT_TRUE(list.match("a/x.o", false));
    EXPECT_TRUE(list.match("a/x.o", false)->excluded);
    EXPECT_EQ(list.match("a/x.o", false)->rule, "*.o");
    ASSERT_TRUE(list.match("keep.o", false));
    EXPECT_FALSE(list.match("keep.o", false)->excluded);
    EXPECT_EQ(list.match("keep.o", false)->rule, "!keep.o");
    EXPECT_TRUE(list.match("keep.o", true)->excluded);
    EXPECT_EQ(list.match("keep.o", true)->rule, "keep.o/");
    EXPECT_FALSE(list.match("x.c", false));
}

TEST(PatternList, RuleIsWhatTheUserWrote) {
    PatternList list("exclude", {"/a\\ b/  "});
    EXPECT_EQ(list.match("a b", true)->rule, "/a\\ b/");
}

TEST(PatternList, EmptyWithoutUsablePatterns) {
    EXPECT_TRUE(PatternList("x", {}).empty());
    EXPECT_TRUE(PatternList("x", {"", "# no", "   ", "[", "/", "!"}).empty());
    EXPECT_FALSE(PatternList("x", {"a"}).empty());
}

// With plain recursion each of these would take longer than anybody can wait.
TEST(PatternList, HostilePatternsEnd) {
    std::string stars;
    for (int i = 0; i < 2000; ++i) stars += "*a";
    std::string name(255, 'a');
    EXPECT_FALSE(PatternList("x", {stars + "b"}).match(name, false));
    EXPECT_TRUE(PatternList("x", {std::string(stars).substr(0, 400)}).match(name, false));

    std::string deep = "a";
    std::string doubles = "**/a";
    for (int i = 0; i < 300; ++i) {
        deep += "/a";
        doubles += "/**/*a*a*";
    }
    EXPECT_FALSE(PatternList("x", {doubles + "/b"}).match(deep, false));
    std::string brackets(1 << 16, '[');
    EXPECT_FALSE(PatternList("x", {brackets}).match(name, false));
}

TEST(MatchesNameOrPath, Table) {
    struct {
        const char* pattern;
        const char* path;
        bool matches;
    } cases[] = {
        {"*.jpg", "a/b/c.jpg", true},
        {"*.jpg", "c.jpg/x", false},
        {"b", "a/b", true},
        {"b", "b/a", false},
        {"a/b", "a/b", true},
        {"a/b", "x/a/b", false},
        {"/a/b", "a/b", true},
        {"a/*", "a/b/c", false},
        {"a/**", "a/b/c", true},
        {"**/c", "a/b/c", true},
        {"a/**/c", "a/c", true},
        {"/c", "a/c", false},
        {"/c", "c", true},
        {"a/b/", "a/b", true},
        {"!b", "a/!b", true},
        {"#b", "#b", true},
        {"[", "[", false},
        {"", "a", false},
        {"/", "a", false},
        {"?", "a/\xff", true},
        {"**", "a/b", true},
    };
    for (const auto& c : cases)
        EXPECT_EQ(matches_name_or_path(c.pattern, c.path), c.matches) << c.pattern << " on " << c.path;
}

}  // namespace
}  // namespace icecore::scan
