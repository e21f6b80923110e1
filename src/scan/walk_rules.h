#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/file_stat.h"
#include "scan/filter.h"
#include "scan/walker.h"

namespace icecore::scan {

constexpr const char* kIgnoreFileName = ".backupignore";
constexpr const char* kCacheTagName = "CACHEDIR.TAG";
constexpr std::size_t kIgnoreFileBytesMax = 1 << 20;
/// What the ignore files of a directory and of those above it may hold together, so that a deep tree full of
/// them does not fill the memory.
constexpr std::size_t kIgnoreLinesMax = 100'000;
constexpr std::size_t kIgnoreBytesMax = 8 << 20;

/// The rules that hold at one place of a walk: those of the options and the ignore files on the way. One
/// thread.
class WalkRules {
  public:
    explicit WalkRules(const WalkOptions& options);

    /// Reads the ignore file of the open directory `dir` (whose path is `path`), whose patterns then come
    /// before all others. A file that cannot be used is reported by `visitor.failed`; nothing happens if
    /// there is none.
    void add_ignore_file(int dir, const std::string& path, TreeVisitor& visitor);

    /// Number of ignore files that hold; back_to() drops the later ones.
    std::size_t mark() const { return lists_.size(); }
    void back_to(std::size_t mark);

    /// The rule by which `path` is left out, or nullopt if it is kept.
    std::optional<std::string> exclusion(std::string_view path, const FileStat& stat) const;

  private:
    struct List {
        PatternList patterns;
        std::size_t prefix;  ///< bytes of a path before the part that the patterns look at
        std::size_t lines;
        std::size_t bytes;
    };
    std::optional<PatternList::Match> match(std::string_view path, bool is_directory,
                                            std::string_view& source) const;

    const WalkOptions& options_;
    PatternList exclude_;
    std::vector<List> lists_;
    std::size_t ignore_lines_ = 0;
    std::size_t ignore_bytes_ = 0;
};

/// Opens the regular file `name` in `dir` to read it, without waiting or following a link; empty with errno
/// set otherwise (EINVAL: not a regular file).
Fd open_regular(int dir, const char* name, FileStat& stat);

/// Opens a directory below `dir`, without changing its access time where that is permitted; empty with errno
/// set.
Fd open_directory(int dir, std::string_view path);

/// Whether `dir` holds a valid CACHEDIR.TAG (bford.info/cachedir).
bool has_cache_tag(int dir);

}  // namespace icecore::scan
