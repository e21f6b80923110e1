#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::scan {

/// A shell pattern for one path component, compiled: `*`, `?`, `[…]` and backslash as in gitignore(5) with
/// git's reading of brackets (`!` or `^` negates, a first `]` is literal, `[:alpha:]` and its kin in the C
/// locale).
///
/// Matching takes at most length² steps for a name of that length, whatever the pattern. Immutable.
class Glob {
  public:
    /// Compiles the component at the front of `text`, up to a '/' outside brackets or the end, and drops it
    /// and that
    /// '/' from `text`; `last` tells whether there was no '/'. nullopt if the pattern is malformed (open
    /// bracket, unknown class, backslash at the end): such a pattern matches nothing.
    static std::optional<Glob> take(std::string_view& text, bool& last);

    bool matches(std::string_view name) const;

  private:
    struct Token {
        enum class Kind : std::uint8_t { byte, any, star, set } kind;
        unsigned char byte = 0;
        std::uint32_t set = 0;  ///< index into sets_
    };
    enum class Shape : std::uint8_t { literal, suffix, general };  ///< "abc", "*abc", the rest

    bool add_set(std::string_view& text);
    void find_shape();
    bool accepts(const Token& token, char c) const;
    bool matches_tokens(std::string_view name) const;

    Shape shape_ = Shape::literal;
    std::string literal_;
    std::vector<Token> tokens_;
    std::vector<std::bitset<256>> sets_;
};

/// A pattern for a whole path: components separated by '/', of which `**` matches any number of components
/// (at least one at the end). Matching takes at most (components of the pattern × of the path) component
/// matches.
class PathGlob {
  public:
    /// nullopt if a component is malformed.
    static std::optional<PathGlob> compile(std::string_view text);
    bool matches(std::string_view path) const;

  private:
    std::vector<std::optional<Glob>> components_;  ///< nullopt: `**`
};

}  // namespace icecore::scan
