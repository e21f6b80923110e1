#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "support/directory.h"
#include "support/tree_compare.h"

namespace icecore::testing {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kBufferBytes = 256 << 10;

FileType type_of(mode_t mode) {
    if (S_ISREG(mode)) return FileType::regular;
    if (S_ISDIR(mode)) return FileType::directory;
    if (S_ISLNK(mode)) return FileType::symlink;
    if (S_ISFIFO(mode)) return FileType::fifo;
    if (S_ISCHR(mode)) return FileType::char_device;
    if (S_ISBLK(mode)) return FileType::block_device;
    CHECK(S_ISSOCK(mode));
    return FileType::socket;
}

void hash_block(Sha256& hash, std::uint64_t offset, std::string_view block) {
    if (block.find_first_not_of('\0') == std::string_view::npos) return;
    hash.update(std::to_string(offset) + ":");
    hash.update(block);
}

/// Hashes the blocks from `offset` to `end` (rounded up) that are not zero; returns where it stopped.
std::uint64_t hash_extent(Sha256& hash, int fd, std::uint64_t offset, std::uint64_t end,
                          std::string& buffer) {
    while (offset < end) {
        std::uint64_t left = (end - offset + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
        std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left));
        std::size_t got = pread_full(fd, buffer.data(), want, offset);
        if (got == 0) throw Error(Error::Kind::io, "the file became shorter while it was read");
        std::string_view data(buffer.data(), got);
        for (std::size_t i = 0; i < got; i += kBlockBytes)
            hash_block(hash, offset + i, data.substr(i, kBlockBytes));
        offset += got;
    }
    return offset;
}

Digest sparse_digest(int fd, std::uint64_t size) {
    Sha256 hash;
    hash.update(std::to_string(size) + " ");
    std::string buffer(kBufferBytes, '\0');
    std::uint64_t offset = 0;
    while (offset < size) {
        off_t data = lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;
        off_t end = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
        // A file system without SEEK_DATA: all is data.
        std::uint64_t data_offset = data < 0 ? offset : static_cast<std::uint64_t>(data);
        std::uint64_t end_offset = end < 0 ? size : static_cast<std::uint64_t>(end);
        offset = hash_extent(hash, fd, data_offset / kBlockBytes * kBlockBytes, std::min(end_offset, size),
                             buffer);
    }
    return hash.finish();
}

Digest plain_digest(int fd) {
    Sha256 hash;
    std::string buffer(kBufferBytes, '\0');
    while (true) {
        std::size_t got = read_full(fd, buffer.data(), buffer.size());
        hash.update({buffer.data(), got});
        if (got < buffer.size()) return hash.finish();
    }
}

/// Calls a function like listxattr(2) until its answer fits. False with errno set if it fails.
template <typename Call>
bool read_sized(Call call, std::string& out) {
    while (true) {
        ssize_t size = call(nullptr, 0);
        if (size > 0) {
            out.resize(static_cast<std::size_t>(size));
            size = call(out.data(), out.size());
        }
        if (size >= 0) {
            out.resize(static_cast<std::size_t>(size));
            return true;
        }
        if (errno != ERANGE) return false;
    }
}

bool is_unreadable(int code) {
    return code == ENODATA || code == ENOTSUP || code == EPERM || code == EACCES;
}

std::vector<std::pair<std::string, std::string>> read_xattrs(int dir, const std::string& name) {
    // There is no listxattrat(2) in this C library; /proc makes a path of any length short.
    std::string path = "/proc/self/fd/" + std::to_string(dir) + "/" + name;
    std::string list;
    if (!read_sized([&](char* p, std::size_t n) { return llistxattr(path.c_str(), p, n); }, list)) {
        if (is_unreadable(errno)) return {};
        throw_errno("listing extended attributes");
    }
    std::vector<std::pair<std::string, std::string>> out;
    for (std::size_t at = 0; at < list.size();) {
        std::string key = list.c_str() + at;
        at += key.size() + 1;
        std::string value;
        if (read_sized([&](char* p, std::size_t n) { return lgetxattr(path.c_str(), key.c_str(), p, n); },
                       value))
            out.emplace_back(std::move(key), std::move(value));
        else if (!is_unreadable(errno))
            throw_errno("reading extended attribute " + escape_path(key));
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::string read_link(int dir, const std::string& name) {
    std::string target(256, '\0');
    while (true) {
        ssize_t n = readlinkat(dir, name.c_str(), target.data(), target.size());
        if (n < 0) throw_errno("reading the symbolic link");
        if (static_cast<std::size_t>(n) < target.size()) {
            target.resize(static_cast<std::size_t>(n));
            return target;
        }
        target.resize(target.size() * 2);
    }
}

Digest read_content(int dir, const std::string& name, std::uint64_t size) {
    Fd fd(openat(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) throw_errno("opening");
    return size <= kPlainDigestBytesMax ? plain_digest(fd.get()) : sparse_digest(fd.get(), size);
}

class Reader {
  public:
    TreeSnapshot read(const std::string& dir);

  private:
    struct Level {
        std::size_t path_bytes;  ///< length of the directory's path
        std::vector<std::string> todo;
    };

    /// Records `name` in `dir`, whose path is `path_`. True for a directory.
    bool record(int dir, const std::string& name);

    TreeSnapshot out_;
    std::string path_;
    std::map<std::pair<dev_t, ino_t>, std::vector<std::string>> names_of_;
};

bool Reader::record(int dir, const std::string& name) try {
    struct stat st {};
    if (fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) throw_errno("stat");
    TreeEntry entry;
    entry.type = type_of(st.st_mode);
    entry.mode = st.st_mode & 07777;
    entry.uid = st.st_uid;
    entry.gid = st.st_gid;
    entry.mtime = {st.st_mtim.tv_sec, static_cast<std::uint32_t>(st.st_mtim.tv_nsec)};
    if (entry.type == FileType::regular) {
        entry.size = static_cast<std::uint64_t>(st.st_size);
        entry.allocated_bytes = static_cast<std::uint64_t>(st.st_blocks) * 512;
        entry.content = read_content(dir, name, entry.size);
    } else if (entry.type == FileType::symlink) {
        entry.link_target = read_link(dir, name);
    } else if (entry.type == FileType::char_device || entry.type == FileType::block_device) {
        entry.device_major = major(st.st_rdev);
        entry.device_minor = minor(st.st_rdev);
    }
    entry.xattrs = read_xattrs(dir, name);
    bool directory = entry.type == FileType::directory;
    if (!directory && st.st_nlink > 1) names_of_[{st.st_dev, st.st_ino}].push_back(path_);
    out_.entries.emplace(path_, std::move(entry));
    return directory;
} catch (Error& e) {
    e.add_context("snapshot of " + escape_path(path_));
    throw;
}

TreeSnapshot Reader::read(const std::string& dir) {
    Fd current = open_file(dir, O_RDONLY | O_DIRECTORY);
    record(current.get(), ".");
    // Names are taken from the back; the map sorts. Only the innermost directory is open: the way back is
    // "..".
    std::vector<Level> levels;
    levels.push_back({0, names_in(current.get())});
    while (true) {
        Level& level = levels.back();
        path_.resize(level.path_bytes);
        if (level.todo.empty()) {
            levels.pop_back();
            if (levels.empty()) break;
            current = open_directory_at(current.get(), "..", path_);
            continue;
        }
        std::string name = std::move(level.todo.back());
        level.todo.pop_back();
        if (!path_.empty()) path_ += '/';
        path_ += name;
        if (!record(current.get(), name)) continue;
        current = open_directory_at(current.get(), name.c_str(), path_);
        levels.push_back({path_.size(), names_in(current.get())});
    }
    for (auto& [inode, names] : names_of_) {
        if (names.size() < 2) continue;
        std::sort(names.begin(), names.end());
        out_.link_groups.push_back(std::move(names));
    }
    std::sort(out_.link_groups.begin(), out_.link_groups.end());
    return std::move(out_);
}

}  // namespace

TreeSnapshot snapshot_tree(const std::string& dir) {
    return Reader().read(dir);
}

}  // namespace icecore::testing
