#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::scan {

/// A list of patterns with the meaning of gitignore(5): comments, blank lines, `!` re-includes, a trailing
/// `/` matches directories only, a slash at the beginning or in the middle anchors the pattern to the list's
/// directory, `*`, `?`,
/// `[…]` (with ranges, `!`/`^` and backslash) do not match '/', `**` does, a backslash quotes, trailing
/// spaces are dropped unless quoted. Byte-wise. Immutable after construction, thread-safe.
class PatternList {
  public:
    struct Match {
        bool excluded;
        std::string rule;  ///< as the user wrote it
    };

    /// `source` names the list in messages: "exclude" or the path of a .backupignore file.
    PatternList(std::string source, const std::vector<std::string>& lines);

    /// The last pattern that matches `path` (relative to the list's directory), or nullopt if none does.
    std::optional<Match> match(std::string_view path, bool is_directory) const;
    const std::string& source() const { return source_; }
    bool empty() const;

  private:
    struct Pattern;
    std::string source_;
    std::vector<Pattern> patterns_;

  public:
    ~PatternList();
    PatternList(PatternList&&) noexcept;
    PatternList& operator=(PatternList&&) noexcept;
};

/// Shell-like match of a whole path for `find`: a pattern without '/' matches the last component, one with
/// '/' the whole path; `*`, `?`, `[…]`, `**` as above.
bool matches_name_or_path(std::string_view pattern, std::string_view path);

}  // namespace icecore::scan
