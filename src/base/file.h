#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_stat.h"

namespace icecore {

/// An open file descriptor, closed on destruction.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    ~Fd();
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset() { *this = Fd(); }

  private:
    int fd_ = -1;
};

/// open(2) with O_CLOEXEC. Throws Error naming the path.
Fd open_file(const std::string& path, int flags, unsigned mode = 0);

/// openat(2) with O_CLOEXEC, again after EINTR. Returns an empty Fd with errno set on failure.
Fd open_at(int dir, const char* name, int flags, unsigned mode = 0);

/// Opens `path` (relative, any length, "" = the directory itself) below the directory `root`, never following
/// a symbolic link in any component (openat2 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, in pieces where the path
/// exceeds PATH_MAX). Returns an empty Fd with errno set on failure.
Fd open_beneath(int root, std::string_view path, int flags, unsigned mode = 0);

/// Reads up to `size` bytes, going on after EINTR and short reads; less only at end of file. Throws Error.
std::size_t read_full(int fd, char* buffer, std::size_t size);
/// The same at `offset`.
std::size_t pread_full(int fd, char* buffer, std::size_t size, std::uint64_t offset);
/// Writes all of `data`. Throws Error.
void write_full(int fd, std::string_view data);
/// The same at `offset`.
void pwrite_full(int fd, std::string_view data, std::uint64_t offset);

/// Whole content of a (small) file. Throws Error; kCorrupt-free: what is there is what you get.
std::string read_file(const std::string& path);
/// The same for one that somebody else may have made: Error{invalid} if it is longer than `bytes_max`.
std::string read_file(const std::string& path, std::size_t bytes_max);

/// statx of `name` relative to `dir`, not following a symbolic link; "" with flags AT_EMPTY_PATH means `dir`
/// itself. False with errno set on failure.
bool stat_at(int dir, const char* name, FileStat& out, int flags = 0);

/// Whether `path` exists (following links).
bool path_exists(const std::string& path);

/// fsync of a directory: the names in it are durable. Throws Error.
void sync_directory(const std::string& dir);

/// Names in `dir` (no "." and ".."), unsorted. Throws Error.
std::vector<std::string> list_directory(const std::string& dir);

/// A file being made: bytes go to a temporary name ".NAME.partial" in the same directory; seal() makes it
/// durable and gives it its name. Destroyed unsealed, it removes what it wrote (unless sync() was called).
///
/// One thread at a time. Errors are thrown as Error with the path.
class OutputFile {
  public:
    virtual ~OutputFile() = default;
    virtual void write(std::string_view data) = 0;
    /// Makes what was written so far durable under the temporary name, and makes that file stay if this
    /// object is destroyed unsealed: a journal that survives its writer.
    virtual void sync() = 0;
    /// fsync, rename to the final name, fsync the directory. Throws Error{exists} rather than replace a file
    /// unless the file was made with `replace`. Nothing may be written afterwards.
    virtual void seal() = 0;
    /// fd of the temporary file, readable and writable.
    virtual int fd() const = 0;
};

/// A file being made in more than one go: destroyed unsealed, it stays as ".NAME.partial", and the next
/// open_partial finds what it holds. Locked against other processes while it is open.
class PartialFile : public OutputFile {
  public:
    /// What it holds: at first what is left from before; write() goes on there.
    virtual std::uint64_t size_bytes() const = 0;
    /// Keeps the first `size_bytes` only.
    virtual void cut(std::uint64_t size_bytes) = 0;
};

/// The seam through which everything durable in a backup directory or a directory target is written, so that
/// tests can drop unsynced writes or fail the N-th call. Thread-safe.
class FileSystem {
  public:
    virtual ~FileSystem() = default;
    /// `replace`: sealing replaces an existing file of that name. Mode 0600 less umask.
    virtual std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                               bool replace) = 0;
    /// rename(2) within `dir`, replacing, then fsync of the directory.
    virtual void rename(const std::string& dir, const std::string& from, const std::string& to) = 0;
    /// create(dir, name, false) for a file of many MiB that is not read soon: where the file system can, it
    /// goes past the page cache, which spares a copy and leaves what others read in the cache. What was
    /// written last (up to 4 MiB) is seen through fd() only after seal().
    virtual std::unique_ptr<OutputFile> create_large(const std::string& dir, const std::string& name) {
        return create(dir, name, false);
    }
    /// unlink(2), then fsync of the directory. A missing file is no error.
    virtual void remove(const std::string& dir, const std::string& name) = 0;
    /// Goes on with what an earlier open_partial of `name` left, or begins it. A regular file with no other
    /// name is taken as such; anything else that has its name (a symbolic link, a file that is sealed
    /// already) is removed first. Throws Error{denied} while another process has it open. Mode 0600 less
    /// umask.
    virtual std::unique_ptr<PartialFile> open_partial(const std::string& dir, const std::string& name,
                                                      bool replace) = 0;
    /// Makes the directory `name` in `dir`, mode 0700 less umask, durably; one that is there is no error.
    virtual void make_directory(const std::string& dir, const std::string& name) = 0;
    /// Gives the file at `path` (a symbolic link is followed) one more name, `name` in `dir`, durably
    /// (link(2)). False if that cannot be: it is on another file system, or on one without hard links, or not
    /// permitted. Throws Error, exists if there is such a name.
    virtual bool link(const std::string& path, const std::string& dir, const std::string& name);
    /// Makes a file durable that stands there under its name: it and its entry in `dir`.
    virtual void sync(const std::string& dir, const std::string& name) = 0;
};

/// The operating system's.
std::unique_ptr<FileSystem> make_file_system();

/// Name of the temporary file that OutputFile and PartialFile use for `name`.
std::string partial_name(std::string_view name);

/// create + write + seal of a whole small file; `mode` instead of create()'s where others are to read it.
void write_file_durably(FileSystem& fs, const std::string& dir, const std::string& name,
                        std::string_view content, bool replace, std::optional<unsigned> mode = {});

}  // namespace icecore
