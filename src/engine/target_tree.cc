#include "engine/target_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

constexpr std::string_view kOwners = "owner and group of files (only root may give files away)";
constexpr std::string_view kAttributes = "some extended attributes or ACLs";
constexpr std::string_view kDevices = "device nodes (only root may make them)";

timespec to_timespec(Timestamp t) {
    return {static_cast<time_t>(t.sec), static_cast<long>(t.nsec)};
}

}  // namespace

TargetTree::TargetTree(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw Error::from_errno(errno, "making " + path, "its parent directory must exist");
    root_ = open_file(path, O_RDONLY | O_DIRECTORY);
}

Fd TargetTree::open_directory(std::string_view path) const {
    Fd fd = open_beneath(root_.get(), path, O_RDONLY | O_DIRECTORY);
    if (!fd) throw_errno("opening the target directory");
    return fd;
}

bool TargetTree::make_directory(std::string_view path) {
    if (path.empty()) return false;
    Fd parent = open_directory(parent_path(path));
    std::string name(base_name(path));
    if (mkdirat(parent.get(), name.c_str(), 0700) == 0) return true;
    if (errno != EEXIST) throw_errno("making the directory");
    FileStat there;
    if (!stat_at(parent.get(), name.c_str(), there)) throw_errno("examining what is there");
    if (there.type != FileType::directory)
        throw Error(Error::Kind::exists, "something that is no directory is there already");
    return false;
}

void TargetTree::set_owner(int fd, const FileStat& stat) {
    if (fchown(fd, stat.uid, stat.gid) == 0) return;
    if (errno != EPERM && errno != EINVAL) throw_errno("setting the owner");
    // An unprivileged user may still choose among his own groups.
    if (fchown(fd, static_cast<uid_t>(-1), stat.gid) != 0 || stat.uid != geteuid()) note(kOwners);
}

void TargetTree::finish_directory(std::string_view path, const FileStat& stat, const Metadata& metadata) {
    Fd fd = open_directory(path);
    set_owner(fd.get(), stat);
    if (fchmod(fd.get(), stat.mode) != 0) throw_errno("setting the mode");
    if (!metadata.empty() && !apply_metadata(fd.get(), metadata)) note(kAttributes);
    timespec times[2] = {{0, UTIME_OMIT}, to_timespec(stat.mtime)};
    if (futimens(fd.get(), times) != 0) throw_errno("setting the times");
}

void TargetTree::make_special(int dir, const std::string& name, const FileStat& stat,
                              const std::string& link_target, const Metadata& metadata) {
    int rc = -1;
    switch (stat.type) {
        case FileType::symlink:
            rc = symlinkat(link_target.c_str(), dir, name.c_str());
            break;
        case FileType::fifo:
            rc = mkfifoat(dir, name.c_str(), 0600);
            break;
        case FileType::char_device:
        case FileType::block_device: {
            mode_t kind = stat.type == FileType::char_device ? S_IFCHR : S_IFBLK;
            rc = mknodat(dir, name.c_str(), kind | 0600, makedev(stat.rdev_major, stat.rdev_minor));
            if (rc != 0 && errno == EPERM) {
                note(kDevices);
                return;
            }
            break;
        }
        default:
            CHECK(false);
    }
    if (rc != 0) throw_errno("making it");
    if (fchownat(dir, name.c_str(), stat.uid, stat.gid, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != EPERM) throw_errno("setting the owner");
        if (stat.uid != geteuid() ||
            fchownat(dir, name.c_str(), static_cast<uid_t>(-1), stat.gid, AT_SYMLINK_NOFOLLOW) != 0)
            note(kOwners);
    }
    // Linux has no mode of symbolic links. The name was just made by us, so following it is no question.
    if (stat.type != FileType::symlink && fchmodat(dir, name.c_str(), stat.mode, 0) != 0)
        throw_errno("setting the mode");
    if (!metadata.empty() && !apply_metadata_at(dir, name.c_str(), metadata)) note(kAttributes);
    timespec times[2] = {{0, UTIME_OMIT}, to_timespec(stat.mtime)};
    if (utimensat(dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) throw_errno("setting the times");
}

void TargetTree::make_hard_link(int existing_dir, const std::string& existing, int dir,
                                const std::string& name) {
    if (linkat(existing_dir, existing.c_str(), dir, name.c_str(), 0) == 0) return;
    if (errno == EEXIST) throw Error(Error::Kind::exists, "it is there already, and is left as it is");
    throw_errno("making the hard link");
}

TargetTree::NewFile::NewFile(TargetTree& tree, int dir, std::string name)
    : tree_(tree), dir_(dir), name_(std::move(name)) {
    unsigned long number = 0;
    {
        std::lock_guard lock(tree.mutex_);
        number = ++tree.next_temporary_;
    }
    FileStat there;
    if (stat_at(dir_, name_.c_str(), there))
        throw Error(Error::Kind::exists, "it is there already, and is left as it is");
    temporary_ = format(".icecore-restore-{}-{}", getpid(), number);
    fd_ = open_at(dir_, temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!fd_) throw_errno("making a file");
}

TargetTree::NewFile::~NewFile() {
    if (!placed_) unlinkat(dir_, temporary_.c_str(), 0);
}

void TargetTree::NewFile::place(const FileStat& stat, const Metadata& metadata) {
    if (ftruncate(fd_.get(), static_cast<off_t>(stat.size)) != 0) throw_errno("setting the size");
    tree_.set_owner(fd_.get(), stat);
    if (fchmod(fd_.get(), stat.mode) != 0) throw_errno("setting the mode");
    if (!metadata.empty() && !apply_metadata(fd_.get(), metadata)) tree_.note(kAttributes);
    timespec times[2] = {{0, UTIME_OMIT}, to_timespec(stat.mtime)};
    if (futimens(fd_.get(), times) != 0) throw_errno("setting the times");
    int rc = renameat2(dir_, temporary_.c_str(), dir_, name_.c_str(), RENAME_NOREPLACE);
    if (rc != 0 && errno == EINVAL) {  // a file system without it: link(2) never replaces
        rc = linkat(dir_, temporary_.c_str(), dir_, name_.c_str(), 0);
        if (rc == 0) unlinkat(dir_, temporary_.c_str(), 0);
    }
    if (rc != 0 && errno == EEXIST)
        throw Error(Error::Kind::exists, "it is there already, and is left as it is");
    if (rc != 0) throw_errno("putting it in place");
    placed_ = true;
}

void TargetTree::note(std::string_view what) {
    std::lock_guard lock(mutex_);
    not_permitted_.emplace(what);
}

std::vector<std::string> TargetTree::not_permitted() const {
    std::lock_guard lock(mutex_);
    return {not_permitted_.begin(), not_permitted_.end()};
}

}  // namespace icecore::engine
