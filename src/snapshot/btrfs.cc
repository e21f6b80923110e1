// Snapshots of btrfs subvolumes, by the file system's own ioctls (btrfs-ioctl(2)).

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "snapshot/detached_mount.h"
#include "snapshot/kind.h"
#include "snapshot/name.h"

namespace icecore::snapshot {
namespace {

/// The root directory of every subvolume (BTRFS_FIRST_FREE_OBJECTID), and what stands for one in a snapshot
/// (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID).
constexpr std::uint64_t kSubvolumeInode = 256;
constexpr std::uint64_t kEmptySubvolumeInode = 2;

/// The root of all subvolumes, whatever of it is mounted where. So a snapshot lies outside all subvolumes
/// that are mounted by themselves.
Fd mount_top(const std::string& device) {
    return mount_detached(
        {.type = "btrfs", .source = device, .options = {{"subvolid", "5"}}, .read_only = false});
}

Fd open_there(const Fd& top, const std::string& path) {
    return open_beneath(top.get(), path, O_RDONLY | O_DIRECTORY);
}

std::string id_of(const Fd& top) {
    btrfs_ioctl_fs_info_args info{};
    Fd root = open_there(top, "");
    if (!root || ioctl(root.get(), BTRFS_IOC_FS_INFO, &info) != 0) throw_errno("examining the btrfs");
    return to_hex({reinterpret_cast<const char*>(info.fsid), sizeof info.fsid});
}

/// A disk may have got another name since the snapshot was made: udev's, by the id, is better.
std::string device_of(const Note& note) {
    std::string uuid = note.id;
    for (std::size_t at : {8U, 13U, 18U, 23U})
        if (at < uuid.size()) uuid.insert(at, "-");
    std::string by_id = "/dev/disk/by-uuid/" + uuid;
    return path_exists(by_id) ? by_id : note.where;
}

std::string hidden(const std::string& name) {
    return std::string(kHiddenPrefix) + name;
}

/// The deepest subvolume on the way to `path`.
std::string subvolume_of(const Fd& top, std::string path) {
    while (true) {
        FileStat stat;
        Fd fd = open_there(top, path);
        if (!fd || !stat_at(fd.get(), "", stat, AT_EMPTY_PATH)) throw_errno("finding the subvolume");
        if (stat.ino == kSubvolumeInode || path.empty()) return path;
        path = parent_path(path);
    }
}

class BtrfsMaker final : public Maker {
  public:
    Note prepare(const Place& place) override {
        if (place.type != "btrfs") refuse_place(place, Kind::btrfs, "a btrfs");
        if (place.read_only_file_system)  // mounting it once more would make it writable
            throw Error(Error::Kind::denied,
                        format("the btrfs that holds {} is mounted read-only", escape_path(place.path)),
                        "nothing changes there: leave `snapshot` out of the configuration");
        top_ = mount_top(place.source);
        return {.kind = Kind::btrfs, .name = {}, .where = place.source, .id = id_of(top_)};
    }

    void create(const Place& place, const Note& note) override {
        subvolume_ = subvolume_of(top_, place.inside);
        Fd source = open_there(top_, subvolume_);
        Fd top = open_there(top_, "");
        if (!source || !top) throw_errno("opening the subvolume");
        std::string name = hidden(note.name);
        btrfs_ioctl_vol_args_v2 args{};
        args.fd = source.get();
        args.flags = BTRFS_SUBVOL_RDONLY;
        CHECK(name.size() <= BTRFS_SUBVOL_NAME_MAX);
        std::copy(name.begin(), name.end(), args.name);
        if (ioctl(top.get(), BTRFS_IOC_SNAP_CREATE_V2, &args) == 0) return;
        std::string hint;
        if (errno == EROFS) hint = "a snapshot needs a file system that can be written";
        if (errno == ENOSPC || errno == EDQUOT)
            hint = "the file system has no room for a snapshot's metadata";
        throw Error::from_errno(errno, "making the btrfs snapshot " + name, hint);
    }

    Fd open(const Place& place, const Note& note) override {
        std::size_t skipped = subvolume_.empty() ? 0 : subvolume_.size() + 1;
        std::string rest = place.inside.substr(std::min(place.inside.size(), skipped));
        Fd fd = open_there(top_, rest.empty() ? hidden(note.name) : join_path(hidden(note.name), rest));
        if (!fd) throw_errno("opening the data directory in its snapshot");
        return fd;
    }

    void check(const Note&) override {}  // it shares the file system's space, and never loses what it holds

    void remove(const Note& note) override {
        Fd top = mount_top(device_of(note));
        if (id_of(top) != note.id)
            throw Error(Error::Kind::not_found,
                        format("{} holds another btrfs now", escape_path(note.where)));
        std::string name = hidden(note.name);
        Fd there = open_there(top, name);
        if (!there && errno == ENOENT) return;
        FileStat stat;
        std::uint64_t flags = 0;
        if (!there || !stat_at(there.get(), "", stat, AT_EMPTY_PATH)) throw_errno("examining " + name);
        bool ours = stat.ino == kSubvolumeInode &&
                    ioctl(there.get(), BTRFS_IOC_SUBVOL_GETFLAGS, &flags) == 0 &&
                    (flags & BTRFS_SUBVOL_RDONLY) != 0;
        if (!ours)
            throw Error(Error::Kind::exists,
                        format("{} is no read-only snapshot (any more), and stays", name));
        there.reset();
        btrfs_ioctl_vol_args args{};
        CHECK(name.size() <= BTRFS_PATH_NAME_MAX);
        std::copy(name.begin(), name.end(), args.name);
        Fd root = open_there(top, "");
        if (!root || ioctl(root.get(), BTRFS_IOC_SNAP_DESTROY, &args) != 0)
            throw_errno("removing the btrfs snapshot " + name);
    }

    std::uint64_t absent_inode() const override { return kEmptySubvolumeInode; }

  private:
    Fd top_;
    std::string subvolume_;  ///< path from the top
};

}  // namespace

std::unique_ptr<Maker> make_btrfs_maker() {
    return std::make_unique<BtrfsMaker>();
}

}  // namespace icecore::snapshot
