#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

// statx's flags and masks come from glibc (sys/stat.h); the attribute bits that glibc 2.36 lacks are in
// linux/stat.h, which cannot be included beside it.
#ifndef STATX_ATTR_NODUMP
#define STATX_ATTR_NODUMP 0x00000040
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif

namespace icecore {
namespace {

/// openat2 on a path shorter than PATH_MAX.
int openat2_beneath(int dir, const char* path, int flags, unsigned mode) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags) | static_cast<unsigned>(O_CLOEXEC);
    how.mode = (flags & O_CREAT) != 0 ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    while (true) {
        long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
        if (fd >= 0) return static_cast<int>(fd);
        // EAGAIN: a rename elsewhere raced with the lookup of a path that is checked for escapes. With
        // O_NONBLOCK it can also mean that another process holds a lease on the file, for up to 45 seconds:
        // not to be waited for.
        bool raced = errno == EAGAIN && (flags & O_NONBLOCK) == 0;
        if (errno != EINTR && !raced) return -1;
    }
}

constexpr std::uint64_t kWritebackBytes = 8 << 20;

/// Whether the open file `fd` is a regular one whose only name is `path`.
bool is_only_name(int fd, const std::string& path) {
    FileStat opened;
    FileStat named;
    return stat_at(fd, "", opened, AT_EMPTY_PATH) && stat_at(AT_FDCWD, path.c_str(), named) &&
           named.type == FileType::regular && named.nlink <= 1 && named.ino == opened.ino &&
           named.dev == opened.dev;
}

/// The temporary file `path` of the PartialFile `made`, locked.
Fd open_partial_file(const std::string& path, const std::string& made) {
    constexpr int kTriesMax = 10;
    for (int i = 0; i < kTriesMax; ++i) {
        FileStat stat;
        bool there = stat_at(AT_FDCWD, path.c_str(), stat);
        // A second name: killed between link and unlink, it is the sealed file. (Some FUSE file systems
        // count no links at all.)
        bool ours = there && stat.type == FileType::regular && stat.nlink <= 1;
        if (there && !ours && unlink(path.c_str()) != 0) throw_errno("making " + made);
        Fd fd = open_at(AT_FDCWD, path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (!fd) throw_errno("making " + made);
        // A file system without locks has no other process to be kept out that could be seen.
        if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            throw Error(Error::Kind::denied, made + " is being written by another process");
        // Before we had the lock, its owner may have sealed or removed what we opened.
        if (is_only_name(fd.get(), path)) return fd;
    }
    throw Error(Error::Kind::io, made + " does not stay what it is");
}

/// Both kinds of a file being made.
class PosixFile : public PartialFile {
  public:
    enum class Unsealed : bool { removed, kept };

    PosixFile(std::string dir, std::string name, bool replace, Unsealed unsealed)
        : dir_(std::move(dir)), name_(std::move(name)), replace_(replace), unsealed_(unsealed) {
        if (unsealed_ == Unsealed::removed) {
            fd_ = open_at(AT_FDCWD, temporary_path().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
            if (!fd_) throw_errno("making " + final_path());
            return;
        }
        fd_ = open_partial_file(temporary_path(), final_path());
        FileStat stat;
        if (!stat_at(fd_.get(), "", stat, AT_EMPTY_PATH)) throw_errno("looking at " + final_path());
        written_bytes_ = started_bytes_ = stat.size;
    }
    PosixFile(const PosixFile&) = delete;
    PosixFile& operator=(const PosixFile&) = delete;

    ~PosixFile() override {
        if (!sealed_ && unsealed_ == Unsealed::removed) unlink(temporary_path().c_str());
    }

    void write(std::string_view data) override {
        try {
            write_full(fd_.get(), data);
        } catch (Error& e) {
            e.add_context("writing " + final_path());
            throw;
        }
        // Sends what is written to the disk on its way, so that seal() does not wait for a gigabyte at once.
        // Not a promise, so failures do not matter here.
        written_bytes_ += data.size();
        if (written_bytes_ - started_bytes_ >= kWritebackBytes) {
            sync_file_range(fd_.get(), static_cast<off_t>(started_bytes_),
                            static_cast<off_t>(written_bytes_ - started_bytes_), SYNC_FILE_RANGE_WRITE);
            started_bytes_ = written_bytes_;
        }
    }

    std::uint64_t size_bytes() const override { return written_bytes_; }

    void cut(std::uint64_t size_bytes) override {
        CHECK(size_bytes <= written_bytes_);
        if (ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) throw_errno("cutting " + final_path());
        written_bytes_ = started_bytes_ = size_bytes;
    }

    void sync() override {
        unsealed_ = Unsealed::kept;
        if (fdatasync(fd_.get()) != 0) throw_errno("syncing " + final_path());
    }

    void seal() override {
        CHECK(!sealed_);
        if (fsync(fd_.get()) != 0) throw_errno("syncing " + final_path());
        int rc = replace_ ? ::rename(temporary_path().c_str(), final_path().c_str())
                          : renameat2(AT_FDCWD, temporary_path().c_str(), AT_FDCWD, final_path().c_str(),
                                      RENAME_NOREPLACE);
        if (rc != 0 && errno == EINVAL && !replace_) rc = link_without_replacing();
        if (rc != 0) throw_errno("making " + final_path());
        sealed_ = true;
        sync_directory(dir_);
    }

    int fd() const override { return fd_.get(); }

  protected:
    std::string temporary_path() const { return join_path(dir_, partial_name(name_)); }
    /// The name that errors tell: nobody has asked for the other.
    std::string final_path() const { return join_path(dir_, name_); }

  private:
    /// For file systems without RENAME_NOREPLACE (NFS among them).
    int link_without_replacing() const {
        if (link(temporary_path().c_str(), final_path().c_str()) == 0)
            return unlink(temporary_path().c_str());
        if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return -1;
        // No hard links either (exFAT, some of SMB and FUSE): nothing there is better than to look first.
        FileStat stat;
        if (stat_at(AT_FDCWD, final_path().c_str(), stat)) errno = EEXIST;
        return errno == ENOENT ? rename(temporary_path().c_str(), final_path().c_str()) : -1;
    }

    std::string dir_;
    std::string name_;
    bool replace_;
    Unsealed unsealed_;
    bool sealed_ = false;
    std::uint64_t written_bytes_ = 0;
    std::uint64_t started_bytes_ = 0;  ///< writeback was asked for up to here
    Fd fd_;
};

/// Past the page cache, in whole blocks from an aligned buffer; where the file system does not do that, or
/// not any more, through the cache like any other file.
class LargeOutputFile final : public PosixFile {
  public:
    LargeOutputFile(std::string dir, std::string name)
        : PosixFile(std::move(dir), std::move(name), false, Unsealed::removed),
          buffer_(static_cast<char*>(std::aligned_alloc(kAlignment, kDirectBytes)), std::free) {
        if (!buffer_) throw std::bad_alloc();
        direct_ = set_direct(true);
    }

    void write(std::string_view data) override {
        while (!data.empty()) {
            std::size_t take = std::min(data.size(), kDirectBytes - filled_bytes_);
            std::memcpy(buffer_.get() + filled_bytes_, data.data(), take);
            filled_bytes_ += take;
            data.remove_prefix(take);
            if (filled_bytes_ == kDirectBytes) flush();
        }
    }

    void sync() override {
        flush_all();
        PosixFile::sync();
    }
    void seal() override {
        flush_all();
        PosixFile::seal();
    }

  private:
    static constexpr std::size_t kAlignment = 4096;
    static constexpr std::size_t kDirectBytes = 4 << 20;

    void flush_all() {
        set_direct(false);  // the last piece is no whole number of blocks
        direct_ = false;
        flush();
    }

    bool set_direct(bool on) {
        int flags = fcntl(fd(), F_GETFL);
        if (flags < 0) return false;
        return fcntl(fd(), F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
    }

    void flush() {
        std::string_view data(buffer_.get(), filled_bytes_);
        filled_bytes_ = 0;
        while (direct_ && !data.empty()) {
            ssize_t n = ::write(fd(), data.data(), data.size());
            if (n >= 0) {
                data.remove_prefix(static_cast<std::size_t>(n));
            } else if (errno == EINVAL) {  // other blocks than ours, or a piece of one was written
                set_direct(false);
                direct_ = false;
            } else if (errno != EINTR) {
                throw_errno("writing " + final_path());
            }
        }
        if (!data.empty()) PosixFile::write(data);
    }

    std::unique_ptr<char, decltype(&std::free)> buffer_;
    std::size_t filled_bytes_ = 0;
    bool direct_ = false;
};

class PosixFileSystem final : public FileSystem {
  public:
    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override {
        return std::make_unique<PosixFile>(dir, name, replace, PosixFile::Unsealed::removed);
    }

    void rename(const std::string& dir, const std::string& from, const std::string& to) override {
        std::string path = join_path(dir, from);
        if (::rename(path.c_str(), join_path(dir, to).c_str()) != 0) throw_errno("renaming " + path);
        sync_directory(dir);
    }

    std::unique_ptr<OutputFile> create_large(const std::string& dir, const std::string& name) override {
        return std::make_unique<LargeOutputFile>(dir, name);
    }

    void remove(const std::string& dir, const std::string& name) override {
        std::string path = join_path(dir, name);
        if (unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno("removing " + path);
        sync_directory(dir);
    }

    std::unique_ptr<PartialFile> open_partial(const std::string& dir, const std::string& name,
                                              bool replace) override {
        return std::make_unique<PosixFile>(dir, name, replace, PosixFile::Unsealed::kept);
    }

    void make_directory(const std::string& dir, const std::string& name) override {
        std::string path = join_path(dir, name);
        if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw_errno("making directory " + path);
        open_file(path, O_PATH | O_DIRECTORY);  // what is there may be something else
        sync_directory(dir);
    }

    void sync(const std::string& dir, const std::string& name) override {
        std::string path = join_path(dir, name);
        Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (fsync(fd.get()) != 0) throw_errno("syncing " + path);
        sync_directory(dir);
    }
};

FileType type_of(unsigned mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return FileType::directory;
        case S_IFLNK:
            return FileType::symlink;
        case S_IFIFO:
            return FileType::fifo;
        case S_IFCHR:
            return FileType::char_device;
        case S_IFBLK:
            return FileType::block_device;
        case S_IFSOCK:
            return FileType::socket;
        default:
            return FileType::regular;
    }
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) close(fd_);
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

Fd::~Fd() {
    if (fd_ >= 0) close(fd_);
}

Fd open_file(const std::string& path, int flags, unsigned mode) {
    Fd fd = open_at(AT_FDCWD, path.c_str(), flags, mode);
    if (!fd) throw_errno("opening " + path);
    return fd;
}

Fd open_at(int dir, const char* name, int flags, unsigned mode) {
    while (true) {
        Fd fd(openat(dir, name, flags | O_CLOEXEC, mode));
        if (fd || errno != EINTR) return fd;
    }
}

Fd open_beneath(int root, std::string_view path, int flags, unsigned mode) {
    Fd holder;
    int dir = root;
    while (path.size() >= PATH_MAX) {
        std::size_t cut = path.rfind('/', PATH_MAX - 2);
        if (cut == std::string_view::npos) {
            errno = ENAMETOOLONG;
            return {};
        }
        Fd next(openat2_beneath(dir, std::string(path.substr(0, cut)).c_str(), O_PATH | O_DIRECTORY, 0));
        if (!next) return {};
        holder = std::move(next);
        dir = holder.get();
        path.remove_prefix(cut + 1);
    }
    char name[PATH_MAX];
    std::size_t length = path.copy(name, sizeof name - 1);
    name[length] = '\0';
    return Fd(openat2_beneath(dir, length == 0 ? "." : name, flags, mode));
}

std::size_t read_full(int fd, char* buffer, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, buffer + done, size - done);
        if (n == 0) break;
        if (n < 0) {
            if (errno == EINTR) continue;
            throw_errno("reading");
        }
        done += static_cast<std::size_t>(n);
    }
    return done;
}

std::size_t pread_full(int fd, char* buffer, std::size_t size, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, buffer + done, size - done, static_cast<off_t>(offset + done));
        if (n == 0) break;
        if (n < 0) {
            if (errno == EINTR) continue;
            throw_errno("reading");
        }
        done += static_cast<std::size_t>(n);
    }
    return done;
}

void write_full(int fd, std::string_view data) {
    while (!data.empty()) {
        ssize_t n = write(fd, data.data(), data.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            throw_errno("writing");
        }
        data.remove_prefix(static_cast<std::size_t>(n));
    }
}

void pwrite_full(int fd, std::string_view data, std::uint64_t offset) {
    while (!data.empty()) {
        ssize_t n = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            throw_errno("writing");
        }
        data.remove_prefix(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
}

std::string read_file(const std::string& path) {
    Fd fd = open_file(path, O_RDONLY);
    std::string out;
    std::size_t block = 64 << 10;
    while (true) {
        std::size_t before = out.size();
        out.resize(before + block);
        std::size_t n = 0;
        try {
            n = read_full(fd.get(), out.data() + before, block);
        } catch (Error& e) {
            e.add_context(path);
            throw;
        }
        out.resize(before + n);
        if (n < block) return out;
        block *= 2;
    }
}

std::string read_file(const std::string& path, std::size_t bytes_max) {
    Fd fd = open_file(path, O_RDONLY);
    std::string out(bytes_max + 1, '\0');
    try {
        out.resize(read_full(fd.get(), out.data(), out.size()));
    } catch (Error& e) {
        e.add_context(path);
        throw;
    }
    if (out.size() > bytes_max)
        throw Error(Error::Kind::invalid, format("{} is longer than {} bytes", path, bytes_max));
    return out;
}

bool stat_at(int dir, const char* name, FileStat& out, int flags) {
    constexpr unsigned kMask = STATX_BASIC_STATS;
    struct statx sx {};
    if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | flags, kMask, &sx) != 0) return false;
    out.type = type_of(sx.stx_mode);
    out.mode = sx.stx_mode & 07777;
    out.uid = sx.stx_uid;
    out.gid = sx.stx_gid;
    out.size = out.type == FileType::regular ? sx.stx_size : 0;
    out.mtime = {sx.stx_mtime.tv_sec, sx.stx_mtime.tv_nsec};
    out.ctime = {sx.stx_ctime.tv_sec, sx.stx_ctime.tv_nsec};
    out.dev = (static_cast<std::uint64_t>(sx.stx_dev_major) << 32) | sx.stx_dev_minor;
    out.ino = sx.stx_ino;
    out.nlink = sx.stx_nlink;
    bool device = out.type == FileType::char_device || out.type == FileType::block_device;
    out.rdev_major = device ? sx.stx_rdev_major : 0;
    out.rdev_minor = device ? sx.stx_rdev_minor : 0;
    out.allocated_bytes = sx.stx_blocks * 512;
    out.nodump = (sx.stx_attributes & STATX_ATTR_NODUMP) != 0;
    out.mount_root = (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    return true;
}

bool path_exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
}

void sync_directory(const std::string& dir) {
    Fd fd = open_file(dir, O_RDONLY | O_DIRECTORY);
    if (fsync(fd.get()) != 0) throw_errno("syncing directory " + dir);
}

std::vector<std::string> list_directory(const std::string& dir) {
    std::unique_ptr<DIR, int (*)(DIR*)> stream(nullptr, closedir);
    do {
        stream.reset(opendir(dir.c_str()));
    } while (!stream && errno == EINTR);
    if (!stream) throw_errno("reading directory " + dir);
    std::vector<std::string> names;
    while (true) {
        errno = 0;
        const dirent* entry = readdir(stream.get());
        if (entry == nullptr) break;
        std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) throw_errno("reading directory " + dir);
    return names;
}

std::unique_ptr<FileSystem> make_file_system() {
    return std::make_unique<PosixFileSystem>();
}

std::string partial_name(std::string_view name) {
    return "." + std::string(name) + ".partial";
}

void write_file_durably(FileSystem& fs, const std::string& dir, const std::string& name,
                        std::string_view content, bool replace, std::optional<unsigned> mode) {
    auto file = fs.create(dir, name, replace);
    file->write(content);
    if (mode && fchmod(file->fd(), *mode) != 0) throw_errno("setting the mode of " + dir + "/" + name);
    file->seal();
}

bool FileSystem::link(const std::string& path, const std::string& dir, const std::string& name) {
    std::string to = dir + "/" + name;
    if (linkat(AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP || errno == ENOSYS)
            return false;
        throw_errno("linking " + path + " to " + to);
    }
    sync(dir, name);
    return true;
}

}  // namespace icecore
