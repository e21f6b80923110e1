#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace icecore::engine {

/// What becomes of a name that exists at the target and differs from what is to be restored.
enum class Overwrite : std::uint8_t {
    never,   ///< it stays, and that is a problem
    older,   ///< it stays if it was modified later than what was recorded (without ado), else is replaced
    always,  ///< replaced
};

/// The directory that a restore writes into. Every name is reached from its descriptor without following a
/// symbolic link in any component, so nothing is ever written outside, whatever names, links or races there
/// are. Whatever is put in place was complete under a temporary name before.
///
/// Thread-safe. Methods throw Error for failures that concern one name; lack of privilege is noted once a
/// kind.
class TargetTree {
  public:
    struct Options {
        Overwrite overwrite = Overwrite::never;
        /// With Overwrite::always a directory gives way to a file with all that is in it. Without, only an
        /// empty one does.
        bool remove_directories = false;
    };

    /// Makes `path` (0700) if only its last component is missing.
    TargetTree(const std::string& path, Options options);

    Overwrite overwrite() const { return options_.overwrite; }

    /// A directory to make names in. One thread at a time.
    struct Directory {
        Fd fd;
        bool inherits_acl = false;  ///< what is made in it gets an ACL that must go
        struct Owner {
            std::uint32_t uid;
            std::uint32_t gid;
        };
        std::optional<Owner> owner;  ///< of what we make in it, as the first file showed
    };
    /// The directory of `path` ("" = the target itself). Throws Error.
    Directory open_directory(std::string_view path) const;

    /// Makes the directory `path`, writable by us until it is finished, in place of another kind of file with
    /// Overwrite::always. False if it was there. Its parent must exist.
    bool make_directory(std::string_view path);
    /// Gives a directory its final owner, mode, attributes and times, and none besides.
    void finish_directory(std::string_view path, const FileStat& stat, const Metadata& metadata);

    /// Whether `there`, what stands at the place of `wanted`, is to be replaced; false if it is to stay as
    /// the newer one. Throws Error{exists} where it is in the way.
    bool may_replace(const FileStat& there, const FileStat& wanted) const;
    /// Whether `name`, of which stat(2) says `there`, is already what is wanted as far as type, size, mtime,
    /// mode, owner (where we may set it), link target and attributes tell: its content is not read. Links are
    /// the caller's to compare.
    bool is_same(const Directory& dir, const std::string& name, const FileStat& there, const FileStat& wanted,
                 const std::string& link_target, const Metadata& metadata) const;

    /// Makes a symbolic link, fifo or device `name`. False if that needs privilege that we lack.
    bool make_special(const Directory& dir, const std::string& name, const FileStat& stat,
                      const std::string& link_target, const Metadata& metadata);
    void make_hard_link(const Directory& existing_dir, const std::string& existing, const Directory& dir,
                        const std::string& name);

    /// A regular file being made under a temporary name; `place` gives it its own. Removed unless placed.
    class NewFile {
      public:
        /// `dir` must outlive it.
        NewFile(TargetTree& tree, Directory& dir, std::string name);
        ~NewFile();
        NewFile(const NewFile&) = delete;
        NewFile& operator=(const NewFile&) = delete;
        int fd() const { return fd_.get(); }
        /// Sets owner, mode, attributes and times, and puts it in place. Throws Error{exists} rather than
        /// replace what must not be.
        void place(const FileStat& stat, const Metadata& metadata);

      private:
        void set_owner(const FileStat& stat);
        TargetTree& tree_;
        Directory& dir_;
        std::string name_;
        std::string temporary_;
        bool placed_ = false;
        Fd fd_;
    };

    /// Whether `name` is a temporary one that a killed restore left behind.
    static bool is_leftover(std::string_view name);
    /// Removes `name` from a directory, with all below it. Returns how many names went.
    static std::uint64_t remove(const Directory& dir, const std::string& name);

    std::vector<std::string> not_permitted() const;

  private:
    void note(std::string_view what);
    std::string temporary_name();
    void set_owner(int fd, const FileStat& stat);
    bool make_temporary_special(int dir, const std::string& temporary, const FileStat& stat,
                                const std::string& link_target);
    void set_special_attributes(const Directory& dir, const std::string& temporary, const FileStat& stat,
                                const Metadata& metadata);
    void put_in_place(int dir, const std::string& temporary, const std::string& name);
    bool give_way(int dir, const std::string& name);

    const Options options_;
    const std::string temporary_prefix_;
    Fd root_;
    std::atomic<std::uint64_t> last_temporary_ = 0;
    mutable std::mutex mutex_;
    std::set<std::string, std::less<>> not_permitted_;  // guarded by mutex_
};

}  // namespace icecore::engine
