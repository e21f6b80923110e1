#include "scan/filter.h"

#include <ranges>
#include <utility>

#include "base/text.h"
#include "scan/glob.h"

namespace icecore::scan {
namespace {

/// Drops trailing spaces, but not one that a backslash quotes.
std::string_view trim_trailing_spaces(std::string_view line) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\' && i + 1 < line.size())
            end = ++i + 1;
        else if (line[i] != ' ')
            end = i + 1;
    }
    return line.substr(0, end);
}

}  // namespace

struct PatternList::Pattern {
    std::string text;
    PathGlob glob;
    bool negated;
    bool directory_only;
    bool name_only;  ///< no slash but at the end: matches the last component, at any depth

    static std::optional<Pattern> parse(std::string_view line);
};

std::optional<PatternList::Pattern> PatternList::Pattern::parse(std::string_view line) {
    if (line.starts_with('#')) return std::nullopt;
    std::string_view text = trim_trailing_spaces(line);
    std::string_view rest = text;
    bool negated = rest.starts_with('!');
    if (negated) rest.remove_prefix(1);
    bool directory_only = rest.ends_with('/');
    if (directory_only) rest.remove_suffix(1);
    if (rest.empty()) return std::nullopt;
    bool name_only = rest.find('/') == std::string_view::npos;
    if (rest.starts_with('/')) rest.remove_prefix(1);
    auto glob = PathGlob::compile(rest);
    if (!glob) return std::nullopt;
    return Pattern{std::string(text), *std::move(glob), negated, directory_only, name_only};
}

PatternList::PatternList(std::string source, const std::vector<std::string>& lines)
    : source_(std::move(source)) {
    for (const std::string& line : lines)
        if (auto pattern = Pattern::parse(line)) patterns_.push_back(*std::move(pattern));
}

PatternList::~PatternList() = default;
PatternList::PatternList(PatternList&&) noexcept = default;
PatternList& PatternList::operator=(PatternList&&) noexcept = default;

std::optional<PatternList::Match> PatternList::match(std::string_view path, bool is_directory) const {
    std::string_view name = base_name(path);
    for (const Pattern& pattern : patterns_ | std::views::reverse) {
        if (pattern.directory_only && !is_directory) continue;
        if (pattern.glob.matches(pattern.name_only ? name : path))
            return Match{!pattern.negated, pattern.text};
    }
    return std::nullopt;
}

bool PatternList::empty() const {
    return patterns_.empty();
}

bool matches_name_or_path(std::string_view pattern, std::string_view path) {
    bool name_only = pattern.find('/') == std::string_view::npos;
    if (pattern.starts_with('/')) pattern.remove_prefix(1);
    if (pattern.ends_with('/')) pattern.remove_suffix(1);
    if (pattern.empty()) return false;
    auto glob = PathGlob::compile(pattern);
    return glob && glob->matches(name_only ? base_name(path) : path);
}

}  // namespace icecore::scan
