#include "engine/target_tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "engine/remove_tree.h"

namespace icecore::engine {
namespace {

constexpr std::string_view kOwners = "owner and group of files (only root may give files away)";
constexpr std::string_view kAttributes = "some extended attributes or ACLs";
constexpr std::string_view kDevices = "device nodes (only root may make them)";
constexpr std::string_view kTemporary = ".icecore-restore-";

timespec to_timespec(Timestamp t) {
    return {static_cast<time_t>(t.sec), static_cast<long>(t.nsec)};
}

[[noreturn]] void in_the_way(std::string message) {
    throw Error(Error::Kind::exists, std::move(message));
}

constexpr const char* kStays = "it is there already, and is left as it is";

/// We must be able to work in a directory that is there; its recorded mode comes at the end.
void make_accessible(int parent, const std::string& name, const FileStat& there) {
    if (geteuid() == 0 || there.uid != geteuid() || (there.mode & 0700) == 0700) return;
    Fd fd(openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    std::string self = format("/proc/self/fd/{}", fd.get());
    if (!fd || chmod(self.c_str(), there.mode | 0700) != 0) throw_errno("making the directory accessible");
}

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Another process that may be restoring at this moment.
bool runs_elsewhere(std::string_view pid_text) {
    pid_t pid = 0;
    auto [end, error] = std::from_chars(pid_text.data(), pid_text.data() + pid_text.size(), pid);
    if (error != std::errc() || pid == getpid() || pid <= 0) return false;
    return kill(pid, 0) == 0 || errno == EPERM;
}

}  // namespace

TargetTree::TargetTree(const std::string& path, Options options)
    : options_(options), temporary_prefix_(format("{}{}", kTemporary, getpid())) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw Error::from_errno(errno, "making " + path, "its parent directory must exist");
    root_ = open_file(path, O_RDONLY | O_DIRECTORY);
}

TargetTree::Directory TargetTree::open_directory(std::string_view path) const {
    Directory dir;
    dir.fd = open_beneath(root_.get(), path, O_RDONLY | O_DIRECTORY);
    if (!dir.fd) throw_errno("opening the target directory");
    dir.inherits_acl = has_default_acl(dir.fd.get());
    return dir;
}

bool TargetTree::make_directory(std::string_view path) {
    if (path.empty()) return false;
    Directory parent = open_directory(parent_path(path));
    std::string name(base_name(path));
    if (mkdirat(parent.fd.get(), name.c_str(), 0700) == 0) return true;
    if (errno != EEXIST) throw_errno("making the directory");
    FileStat there;
    if (!stat_at(parent.fd.get(), name.c_str(), there)) throw_errno("examining what is there");
    if (there.type == FileType::directory) {
        make_accessible(parent.fd.get(), name, there);
        return false;
    }
    if (options_.overwrite != Overwrite::always)
        in_the_way("something that is no directory is there already, so nothing below was restored");
    if (unlinkat(parent.fd.get(), name.c_str(), 0) != 0) throw_errno("removing what is there");
    if (mkdirat(parent.fd.get(), name.c_str(), 0700) != 0) throw_errno("making the directory");
    return true;
}

void TargetTree::set_owner(int fd, const FileStat& stat) {
    if (fchownat(fd, "", stat.uid, stat.gid, AT_EMPTY_PATH) == 0) return;
    if (errno != EPERM && errno != EINVAL) throw_errno("setting the owner");
    // An unprivileged user may still choose among his own groups.
    if (fchownat(fd, "", static_cast<uid_t>(-1), stat.gid, AT_EMPTY_PATH) != 0 || stat.uid != geteuid())
        note(kOwners);
}

void TargetTree::finish_directory(std::string_view path, const FileStat& stat, const Metadata& metadata) {
    Fd fd = open_beneath(root_.get(), path, O_RDONLY | O_DIRECTORY);
    if (!fd) throw_errno("opening the target directory");
    set_owner(fd.get(), stat);
    if (!remove_other_metadata(fd.get(), metadata)) note(kAttributes);
    if (fchmod(fd.get(), stat.mode) != 0) throw_errno("setting the mode");
    if (!metadata.empty() && !apply_metadata(fd.get(), metadata)) note(kAttributes);
    timespec times[2] = {{0, UTIME_OMIT}, to_timespec(stat.mtime)};
    if (futimens(fd.get(), times) != 0) throw_errno("setting the times");
}

bool TargetTree::may_replace(const FileStat& there, const FileStat& wanted) const {
    if (options_.overwrite == Overwrite::never) in_the_way(kStays);
    if (there.type == FileType::directory) {
        if (options_.overwrite != Overwrite::always) in_the_way("a directory is in its place");
        return true;
    }
    return options_.overwrite == Overwrite::always || there.mtime <= wanted.mtime;
}

bool TargetTree::is_same(const Directory& dir, const std::string& name, const FileStat& there,
                         const FileStat& wanted, const std::string& link_target,
                         const Metadata& metadata) const {
    if (there.type != wanted.type || there.size != wanted.size || there.mtime != wanted.mtime ||
        there.rdev_major != wanted.rdev_major || there.rdev_minor != wanted.rdev_minor)
        return false;
    if (geteuid() == 0 && (there.uid != wanted.uid || there.gid != wanted.gid)) return false;
    if (wanted.type == FileType::symlink) {
        std::string target(link_target.size() + 1, '\0');
        ssize_t n = readlinkat(dir.fd.get(), name.c_str(), target.data(), target.size());
        if (n != static_cast<ssize_t>(link_target.size()) ||
            target.compare(0, link_target.size(), link_target) != 0)
            return false;
    } else if (there.mode != wanted.mode) {
        return false;
    }
    return read_metadata_at(dir.fd.get(), name.c_str()) == metadata;
}

std::string TargetTree::temporary_name() {
    return format("{}-{}", temporary_prefix_, ++last_temporary_);
}

bool TargetTree::is_leftover(std::string_view name) {
    if (!name.starts_with(kTemporary)) return false;
    name.remove_prefix(kTemporary.size());
    std::size_t dash = name.find('-');
    return dash != std::string_view::npos && is_number(name.substr(0, dash)) &&
           is_number(name.substr(dash + 1)) && !runs_elsewhere(name.substr(0, dash));
}

std::uint64_t TargetTree::remove(const Directory& dir, const std::string& name) {
    if (unlinkat(dir.fd.get(), name.c_str(), 0) == 0) return 1;
    if (errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) throw_errno("removing it");
    return remove_tree(dir.fd.get(), name);
}

/// Removes the directory `name` so that something else can have its place. False if it is none.
bool TargetTree::give_way(int dir, const std::string& name) {
    if (unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0) return true;
    if (errno == ENOTDIR) return false;
    if (errno != ENOTEMPTY && errno != EEXIST) throw_errno("removing the directory in its place");
    if (!options_.remove_directories) in_the_way("a directory that is not empty is in its place");
    remove_tree(dir, name);
    return true;
}

void TargetTree::put_in_place(int dir, const std::string& temporary, const std::string& name) {
    if (options_.overwrite != Overwrite::never) {
        if (renameat(dir, temporary.c_str(), dir, name.c_str()) == 0) return;
        bool directory = errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST;
        if (directory && options_.overwrite != Overwrite::always) in_the_way("a directory is in its place");
        if (directory && give_way(dir, name) && renameat(dir, temporary.c_str(), dir, name.c_str()) == 0)
            return;
        throw_errno("putting it in place");
    }
    int rc = renameat2(dir, temporary.c_str(), dir, name.c_str(), RENAME_NOREPLACE);
    if (rc != 0 && errno == EINVAL) {  // a file system without it: link(2) never replaces
        rc = linkat(dir, temporary.c_str(), dir, name.c_str(), 0);
        if (rc == 0) unlinkat(dir, temporary.c_str(), 0);
    }
    if (rc != 0 && errno == EEXIST) in_the_way(kStays);
    if (rc != 0) throw_errno("putting it in place");
}

bool TargetTree::make_temporary_special(int dir, const std::string& temporary, const FileStat& stat,
                                        const std::string& link_target) {
    int rc = -1;
    switch (stat.type) {
        case FileType::symlink:
            rc = symlinkat(link_target.c_str(), dir, temporary.c_str());
            break;
        case FileType::fifo:
            rc = mkfifoat(dir, temporary.c_str(), 0600);
            break;
        case FileType::char_device:
        case FileType::block_device: {
            mode_t kind = stat.type == FileType::char_device ? S_IFCHR : S_IFBLK;
            rc = mknodat(dir, temporary.c_str(), kind | 0600, makedev(stat.rdev_major, stat.rdev_minor));
            if (rc != 0 && errno == EPERM) {
                note(kDevices);
                return false;
            }
            break;
        }
        default:
            throw Error(Error::Kind::corrupt, "the catalogue gives it a type that no archive holds");
    }
    if (rc != 0) throw_errno("making it");
    return true;
}

/// Through a descriptor of the very file: the name could be exchanged by whoever may write in the directory.
void TargetTree::set_special_attributes(const Directory& dir, const std::string& temporary,
                                        const FileStat& stat, const Metadata& metadata) {
    Fd fd(openat(dir.fd.get(), temporary.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    FileStat made;
    if (!fd || !stat_at(fd.get(), "", made, AT_EMPTY_PATH)) throw_errno("opening it");
    if (made.type != stat.type) throw Error(Error::Kind::io, "somebody exchanged it while it was made");
    set_owner(fd.get(), stat);
    std::string self = format("/proc/self/fd/{}", fd.get());
    if (stat.type != FileType::symlink && chmod(self.c_str(), stat.mode) != 0)
        throw_errno("setting the mode");  // Linux has no mode of symbolic links
    if (!metadata.empty() && !apply_metadata_at(dir.fd.get(), temporary.c_str(), metadata)) note(kAttributes);
    timespec times[2] = {{0, UTIME_OMIT}, to_timespec(stat.mtime)};
    if (utimensat(dir.fd.get(), temporary.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
        throw_errno("setting the times");
}

bool TargetTree::make_special(const Directory& dir, const std::string& name, const FileStat& stat,
                              const std::string& link_target, const Metadata& metadata) {
    std::string temporary = temporary_name();
    if (!make_temporary_special(dir.fd.get(), temporary, stat, link_target)) return false;
    try {
        set_special_attributes(dir, temporary, stat, metadata);
        put_in_place(dir.fd.get(), temporary, name);
    } catch (const Error&) {
        unlinkat(dir.fd.get(), temporary.c_str(), 0);
        throw;
    }
    return true;
}

void TargetTree::make_hard_link(const Directory& existing_dir, const std::string& existing,
                                const Directory& dir, const std::string& name) {
    if (linkat(existing_dir.fd.get(), existing.c_str(), dir.fd.get(), name.c_str(), 0) == 0) return;
    if (errno != EEXIST) throw_errno("making the hard link");
    if (options_.overwrite == Overwrite::never) in_the_way(kStays);
    std::string temporary = temporary_name();
    if (linkat(existing_dir.fd.get(), existing.c_str(), dir.fd.get(), temporary.c_str(), 0) != 0)
        throw_errno("making the hard link");
    try {
        put_in_place(dir.fd.get(), temporary, name);
        // rename(2) leaves both names where they are one file already.
        unlinkat(dir.fd.get(), temporary.c_str(), 0);
    } catch (const Error&) {
        unlinkat(dir.fd.get(), temporary.c_str(), 0);
        throw;
    }
}

TargetTree::NewFile::NewFile(TargetTree& tree, Directory& dir, std::string name)
    : tree_(tree), dir_(dir), name_(std::move(name)) {
    do {  // a killed restore with our process number may have left some
        temporary_ = tree_.temporary_name();
        fd_ = open_at(dir_.fd.get(), temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    } while (!fd_ && errno == EEXIST);
    if (!fd_) throw_errno("making a file");
}

TargetTree::NewFile::~NewFile() {
    if (fd_ && !placed_) unlinkat(dir_.fd.get(), temporary_.c_str(), 0);
}

/// What new files in a directory belong to is asked once: mostly it is right already.
void TargetTree::NewFile::set_owner(const FileStat& stat) {
    if (!dir_.owner) {
        FileStat made;
        if (!stat_at(fd_.get(), "", made, AT_EMPTY_PATH)) throw_errno("reading the owner");
        dir_.owner = Directory::Owner{made.uid, made.gid};
    }
    if (dir_.owner->uid != stat.uid || dir_.owner->gid != stat.gid) tree_.set_owner(fd_.get(), stat);
}

void TargetTree::NewFile::place(const FileStat& stat, const Metadata& metadata) {
    set_owner(stat);
    if (dir_.inherits_acl && !remove_other_metadata(fd_.get(), metadata)) tree_.note(kAttributes);
    if (fchmod(fd_.get(), stat.mode) != 0) throw_errno("setting the mode");
    if (!metadata.empty() && !apply_metadata(fd_.get(), metadata)) tree_.note(kAttributes);
    timespec times[2] = {{0, UTIME_OMIT}, to_timespec(stat.mtime)};
    if (futimens(fd_.get(), times) != 0) throw_errno("setting the times");
    tree_.put_in_place(dir_.fd.get(), temporary_, name_);
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
