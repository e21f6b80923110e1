#pragma once

#include <string>
#include <string_view>

namespace icecore::testing {

/// A new directory below $TMPDIR (or /tmp), removed with all it holds on destruction: thousands of levels and
/// directories of mode 0000 included. What cannot be removed is reported on stderr.
class TempDir {
  public:
    /// Throws Error.
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    /// Absolute, without a final slash.
    const std::string& path() const { return path_; }
    /// path() + "/" + `name`.
    std::string operator/(std::string_view name) const;
    /// Makes the directory `name` and returns its path. Throws Error.
    std::string make_dir(std::string_view name) const;

  private:
    std::string path_;
};

}  // namespace icecore::testing
