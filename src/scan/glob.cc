#include "scan/glob.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace icecore::scan {
namespace {

unsigned char to_byte(char c) {
    return static_cast<unsigned char>(c);
}

char take_char(std::string_view& text) {
    char c = text.front();
    text.remove_prefix(1);
    return c;
}

/// Adds the members of the POSIX class `name` as the C locale has them; false if there is no such class.
bool add_class(std::string_view name, std::bitset<256>& set) {
    using Test = bool (*)(int);
    static constexpr std::array<std::pair<std::string_view, Test>, 12> kClasses = {{
        {"alnum", [](int c) { return std::isalnum(c) != 0; }},
        {"alpha", [](int c) { return std::isalpha(c) != 0; }},
        {"blank", [](int c) { return c == ' ' || c == '\t'; }},
        {"cntrl", [](int c) { return std::iscntrl(c) != 0; }},
        {"digit", [](int c) { return std::isdigit(c) != 0; }},
        {"graph", [](int c) { return std::isgraph(c) != 0; }},
        {"lower", [](int c) { return std::islower(c) != 0; }},
        {"print", [](int c) { return std::isprint(c) != 0; }},
        {"punct", [](int c) { return std::ispunct(c) != 0; }},
        {"space", [](int c) { return std::isspace(c) != 0; }},
        {"upper", [](int c) { return std::isupper(c) != 0; }},
        {"xdigit", [](int c) { return std::isxdigit(c) != 0; }},
    }};
    for (const auto& [class_name, test] : kClasses) {
        if (class_name != name) continue;
        for (int c = 0; c < 128; ++c)
            if (test(c)) set.set(static_cast<std::size_t>(c));
        return true;
    }
    return false;
}

/// Whether the component at the front of `text` is two or more stars; drops it and the '/' after it if so.
bool take_double_star(std::string_view& text, bool& last) {
    std::size_t end = text.find_first_not_of('*');
    if (end == std::string_view::npos) end = text.size();
    if (end < 2 || (end < text.size() && text[end] != '/')) return false;
    last = end == text.size();
    text.remove_prefix(last ? end : end + 1);
    return true;
}

}  // namespace

/// Reads a bracket whose '[' has been dropped.
bool Glob::add_set(std::string_view& text) {
    std::bitset<256> set;
    bool negated = !text.empty() && (text[0] == '!' || text[0] == '^');
    if (negated) text.remove_prefix(1);
    int range_start = -1;
    for (bool first = true;; first = false) {
        if (text.empty()) return false;
        char c = take_char(text);
        if (c == ']' && !first) break;
        if (c == '-' && range_start > 0 && !text.empty() && text[0] != ']') {
            char last = take_char(text);
            if (last == '\\') {
                if (text.empty()) return false;
                last = take_char(text);
            }
            for (int b = range_start; b <= to_byte(last); ++b) set.set(static_cast<std::size_t>(b));
            range_start = -1;
            continue;
        }
        if (c == '[' && !text.empty() && text[0] == ':') {
            std::size_t end = text.find(']');
            if (end == std::string_view::npos) return false;
            if (end >= 2 && text[end - 1] == ':') {
                if (!add_class(text.substr(1, end - 2), set)) return false;
                text.remove_prefix(end + 1);
                range_start = -1;
                continue;
            }
        } else if (c == '\\') {
            if (text.empty()) return false;
            c = take_char(text);
        }
        set.set(to_byte(c));
        range_start = to_byte(c);
    }
    if (negated) set.flip();
    tokens_.push_back({Token::Kind::set, 0, static_cast<std::uint32_t>(sets_.size())});
    sets_.push_back(set);
    return true;
}

std::optional<Glob> Glob::take(std::string_view& text, bool& last) {
    Glob glob;
    last = false;
    while (true) {
        if (text.empty()) {
            last = true;
            break;
        }
        char c = take_char(text);
        if (c == '/') break;
        if (c == '*') {
            if (glob.tokens_.empty() || glob.tokens_.back().kind != Token::Kind::star)
                glob.tokens_.push_back({Token::Kind::star});
        } else if (c == '?') {
            glob.tokens_.push_back({Token::Kind::any});
        } else if (c == '[') {
            if (!glob.add_set(text)) return std::nullopt;
        } else {
            if (c == '\\') {
                if (text.empty()) return std::nullopt;
                c = take_char(text);
                if (c == '/') break;
            }
            glob.tokens_.push_back({Token::Kind::byte, to_byte(c)});
        }
    }
    glob.find_shape();
    return glob;
}

void Glob::find_shape() {
    bool star = !tokens_.empty() && tokens_[0].kind == Token::Kind::star;
    for (std::size_t i = star ? 1 : 0; i < tokens_.size(); ++i) {
        if (tokens_[i].kind != Token::Kind::byte) {
            shape_ = Shape::general;
            literal_.clear();
            return;
        }
        literal_ += static_cast<char>(tokens_[i].byte);
    }
    shape_ = star ? Shape::suffix : Shape::literal;
    tokens_ = {};
}

bool Glob::matches(std::string_view name) const {
    switch (shape_) {
        case Shape::literal:
            return name == literal_;
        case Shape::suffix:
            return name.ends_with(literal_);
        case Shape::general:
            break;
    }
    return matches_tokens(name);
}

bool Glob::accepts(const Token& token, char c) const {
    switch (token.kind) {
        case Token::Kind::byte:
            return token.byte == to_byte(c);
        case Token::Kind::any:
            return true;
        case Token::Kind::set:
            return sets_[token.set][to_byte(c)];
        case Token::Kind::star:
            break;
    }
    return false;
}

/// Only the last star need ever take more: what an earlier one would take, the last one can take as well.
bool Glob::matches_tokens(std::string_view name) const {
    constexpr std::size_t kNone = ~std::size_t{0};
    std::size_t token = 0;
    std::size_t resume_token = kNone;
    std::size_t resume_at = 0;
    for (std::size_t i = 0; i < name.size();) {
        if (token < tokens_.size() && tokens_[token].kind == Token::Kind::star) {
            resume_token = ++token;
            resume_at = i;
        } else if (token < tokens_.size() && accepts(tokens_[token], name[i])) {
            ++token;
            ++i;
        } else if (resume_token != kNone) {
            token = resume_token;
            i = ++resume_at;
        } else {
            return false;
        }
    }
    if (token < tokens_.size() && tokens_[token].kind == Token::Kind::star) ++token;
    return token == tokens_.size();
}

std::optional<PathGlob> PathGlob::compile(std::string_view text) {
    PathGlob path;
    bool last = false;
    while (!last) {
        if (take_double_star(text, last)) {
            path.components_.emplace_back(std::nullopt);
        } else {
            auto glob = Glob::take(text, last);
            if (!glob) return std::nullopt;
            path.components_.push_back(std::move(glob));
        }
    }
    return path;
}

/// As with stars in a name, only the last `**` need ever take more.
bool PathGlob::matches(std::string_view path) const {
    constexpr std::size_t kNone = ~std::size_t{0};
    std::size_t component = 0;
    std::size_t resume_component = kNone;
    std::size_t resume_at = 0;
    std::size_t at = 0;
    while (at <= path.size()) {
        if (component < components_.size() && !components_[component]) {
            if (++component == components_.size()) return true;
            resume_component = component;
            resume_at = at;
            continue;
        }
        std::size_t end = std::min(path.find('/', at), path.size());
        if (component < components_.size() && components_[component]->matches(path.substr(at, end - at))) {
            ++component;
            at = end + 1;
            continue;
        }
        if (resume_component == kNone) return false;
        std::size_t slash = path.find('/', resume_at);
        if (slash == std::string_view::npos) return false;
        at = resume_at = slash + 1;
        component = resume_component;
    }
    return component == components_.size();
}

}  // namespace icecore::scan
