#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace icecore::engine {

/// The directory that a restore writes into. Every name is reached from its descriptor without following a
/// symbolic link in any component, so nothing is ever written outside, whatever names, links or races there
/// are.
///
/// Thread-safe. Methods throw Error for failures that concern one name; lack of privilege is noted once a
/// kind.
class TargetTree {
  public:
    /// Makes `path` (0700) if only its last component is missing.
    explicit TargetTree(const std::string& path);

    /// The directory of `path` ("" = the target itself), opened. Throws Error.
    Fd open_directory(std::string_view path) const;

    /// Makes the directory `path`, writable by us until it is finished. False if it was there. Its parent
    /// must exist.
    bool make_directory(std::string_view path);
    /// Gives a directory its final owner, mode, attributes and times.
    void finish_directory(std::string_view path, const FileStat& stat, const Metadata& metadata);

    /// Makes a symbolic link, fifo or device `name` in the open directory.
    void make_special(int dir, const std::string& name, const FileStat& stat, const std::string& link_target,
                      const Metadata& metadata);
    void make_hard_link(int existing_dir, const std::string& existing, int dir, const std::string& name);

    /// A regular file being made under a temporary name; `place` gives it its own. Removed unless placed.
    class NewFile {
      public:
        NewFile(TargetTree& tree, int dir, std::string name);
        ~NewFile();
        NewFile(const NewFile&) = delete;
        NewFile& operator=(const NewFile&) = delete;
        int fd() const { return fd_.get(); }
        /// Sets size, owner, mode, attributes and times, and puts it in place. Throws Error{exists} rather
        /// than replace.
        void place(const FileStat& stat, const Metadata& metadata);

      private:
        TargetTree& tree_;
        int dir_;
        std::string name_;
        std::string temporary_;
        bool placed_ = false;
        Fd fd_;
    };

    std::vector<std::string> not_permitted() const;

  private:
    void note(std::string_view what);
    void set_owner(int fd, const FileStat& stat);

    Fd root_;
    mutable std::mutex mutex_;
    std::set<std::string, std::less<>> not_permitted_;
    unsigned long next_temporary_ = 0;
};

}  // namespace icecore::engine
