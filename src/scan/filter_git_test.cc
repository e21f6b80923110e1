// What git says of random patterns and paths, we say too.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "scan/filter.h"
#include "scan/test_tree.h"

namespace icecore::scan {
namespace {

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t n) {
    return random() % n;
}

std::string random_name(Random& random) {
    static constexpr std::string_view kLetters = "aabbc.-]! \\\xff\n";
    std::string name;
    for (std::size_t i = 1 + below(random, 3); i > 0; --i) name += kLetters[below(random, kLetters.size())];
    return name == "." || name == ".." ? "a" : name;
}

std::string random_pattern(Random& random) {
    static const std::vector<std::string> kPieces = {
        "a",   "b",   "c",           "a",    "b",    ".",    "-",     "*",     "?",      "/",
        "/",   "**/", "/**",         "/**/", "[ab]", "[!a]", "[a-c]", "[^-b]", "[]-]",   "\\a",
        "\\*", "\\!", "[[:alpha:]]", "[b",   "\\",   " ",    "\\ ",   "!",     "[a\\]]", "[[:punct:]b]",
        "*.*"};
    std::string pattern;
    if (below(random, 5) == 0) pattern += '!';
    if (below(random, 5) == 0) pattern += '/';
    for (std::size_t i = 1 + below(random, 5); i > 0; --i) pattern += kPieces[below(random, kPieces.size())];
    if (below(random, 5) == 0) pattern += '/';
    return pattern;
}

/// Git strips the literal bytes before the first wildcard, so that it takes "a**/b" for "a" and a whole
/// "**/"; its manual says that such stars are ordinary ones, and that is what we do.
bool differs_from_manual(const std::string& pattern) {
    for (std::size_t at = pattern.find("**"); at != std::string::npos; at = pattern.find("**", at + 1)) {
        std::size_t end = std::min(pattern.find_first_not_of('*', at), pattern.size());
        bool begins =
            at == 0 || pattern[at - 1] == '/' || pattern[at - 1] == '*' || pattern.substr(0, at) == "!";
        bool ends = end == pattern.size() || pattern[end] == '/';
        if (!begins || !ends) return true;
    }
    return false;
}

/// What git decides: path → the pattern that matched last, from `git check-ignore --verbose --non-matching`.
std::map<std::string, std::string> ask_git(TestTree& tree, const std::vector<std::string>& paths) {
    std::string input;
    for (const std::string& path : paths) input += path + '\0';
    tree.file("../" + std::string(base_name(tree.path())) + ".in", input);
    std::string command = "cd " + tree.path() +
                          " && git check-ignore -z --verbose --non-matching --no-index --stdin <" +
                          tree.path() + ".in >" + tree.path() + ".out; rm " + tree.path() + ".in";
    EXPECT_LE(WEXITSTATUS(std::system(command.c_str())), 1);
    std::string output = read_file(tree.path() + ".out");
    ::unlink((tree.path() + ".out").c_str());

    // Four fields for each path, each ended by NUL: source, line, pattern, path.
    std::vector<std::string> fields;
    for (std::size_t at = 0; at < output.size(); at = output.find('\0', at) + 1)
        fields.emplace_back(&output[at]);
    std::map<std::string, std::string> rules;
    for (std::size_t i = 0; i + 3 < fields.size(); i += 4) rules[fields[i + 3]] = fields[i + 2];
    return rules;
}

/// The rule for `path` by our lists, asking as a walk does: no more once a directory on the way is excluded.
std::string our_rule(const std::map<std::string, PatternList>& lists, const std::string& path,
                     bool is_directory) {
    for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
        std::string part = path.substr(0, end);
        bool last = end == std::string::npos;
        std::optional<PatternList::Match> match;
        for (std::string dir(parent_path(part));; dir = parent_path(dir)) {
            auto list = lists.find(dir);
            if (list != lists.end())
                match = list->second.match(dir.empty() ? part : part.substr(dir.size() + 1),
                                           last ? is_directory : true);
            if (match || dir.empty()) break;
        }
        if (match && (match->excluded || last)) return match->rule;
        if (last) return "";
    }
}

TEST(FilterDifferential, SameAsGitCheckIgnore) {
    if (std::system("git --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no git";
    Random random(20261122);  // NOLINT(cert-msc51-cpp): repeatable
    std::size_t matched = 0;
    for (int round = 0; round < 12; ++round) {
        TestTree tree;
        ASSERT_EQ(std::system(("git init -q " + tree.path()).c_str()), 0);
        std::map<std::string, bool> entries;  // path → is a directory
        std::vector<std::string> dirs = {""};
        for (int i = 0; i < 160; ++i) {
            std::string path = join_path(dirs[below(random, dirs.size())], random_name(random));
            if (entries.contains(path)) continue;
            bool directory = i < 50;
            entries[path] = directory;
            if (directory) {
                tree.dir(path);
                dirs.push_back(path);
            } else {
                tree.file(path);
            }
        }
        std::map<std::string, PatternList> lists;
        for (const std::string& dir : dirs) {
            if (!dir.empty() && below(random, 6) != 0) continue;
            std::vector<std::string> lines;
            std::string text;
            for (std::size_t i = 1 + below(random, 6); i > 0; --i) {
                std::string pattern = random_pattern(random);
                if (differs_from_manual(pattern)) continue;
                text += pattern + "\n";
                lines.push_back(std::move(pattern));
            }
            tree.file(join_path(dir, ".gitignore"), text);
            lists.emplace(dir, PatternList(dir, lines));
        }
        std::vector<std::string> paths;
        for (const auto& [path, directory] : entries) paths.push_back(path);
        auto git = ask_git(tree, paths);
        ASSERT_EQ(git.size(), paths.size());
        for (const auto& [path, directory] : entries) {
            std::string ours = our_rule(lists, path, directory);
            EXPECT_EQ(ours, git[path])
                << "round " << round << " path '" << path << "'" << (directory ? " (dir)" : "");
            if (!ours.empty()) ++matched;
        }
        if (HasFailure()) return;
    }
    EXPECT_GT(matched, 400U);  // the test tests something
}

}  // namespace
}  // namespace icecore::scan
