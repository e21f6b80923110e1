#include "engine/pack_batch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "base/metadata.h"
#include "base/text.h"
#include "engine/content.h"
#include "scan/change.h"

namespace icecore::engine {
namespace {

/// Room for nearly every batch, so that it does not grow while it is filled.
constexpr std::size_t kRawBytes = archive::kFrameBytesMax + (64 << 10);

/// Read at once of a large file: what comes before an error is kept.
constexpr std::size_t kReadBytes = 256 << 10;

archive::TarMember member_of(const FileStat& stat, std::string name) {
    archive::TarMember member;
    member.name = std::move(name);
    member.type = stat.type;
    member.mode = stat.mode;
    member.uid = stat.uid;
    member.gid = stat.gid;
    member.mtime = stat.mtime;
    member.rdev_major = stat.rdev_major;
    member.rdev_minor = stat.rdev_minor;
    member.size_bytes = stat.size;
    return member;
}

/// Whether what is recorded of a file besides content, times and numbers is the same.
bool same_attributes(const FileStat& a, const FileStat& b) {
    return a.type == b.type && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.mtime == b.mtime &&
           a.rdev_major == b.rdev_major && a.rdev_minor == b.rdev_minor;
}

bool is_same_inode(const FileStat& a, const FileStat& b) {
    return a.type == b.type && a.dev == b.dev && a.ino == b.ino;
}

}  // namespace

void cannot(PackItem& item, std::string_view doing) {
    item.harmless = errno == ENOENT;
    item.problem = item.harmless ? "vanished before it was read"
                                 : std::string(doing) + ": " + std::generic_category().message(errno);
}

/// Makes the members of one batch.
class BatchPacker::Builder {
  public:
    Builder(const BatchPacker& packer, PackBatch& batch) : packer_(packer), batch_(batch) {}

    void add(PackItem& item) {
        PackOutcome& out = batch_.outcomes.emplace_back();
        out.raw_offset = batch_.raw.size();
        switch (item.kind) {
            case PackItem::Kind::directory:
                add_directory(item, out);
                break;
            case PackItem::Kind::hard_link:
                add_hard_link(item, out);
                break;
            case PackItem::Kind::record:
                add_record(item, out);
                break;
            case PackItem::Kind::station:
                add_station(item);
                break;
            case PackItem::Kind::file:
                add_file(item, out);
                break;
        }
        out.raw_length = batch_.raw.size() - out.raw_offset;
        if (!out.again && !out.problem.empty() && !out.has_entry)
            out.entry.path = join_path(item.directory->path, item.file.name);
    }

  private:
    /// The item's directory, opened; -1 with errno set if it cannot be.
    int directory_fd(const PackItem& item, int flags = O_PATH | O_DIRECTORY) {
        if (open_directory_ == item.directory.get() && directory_fd_) return directory_fd_.get();
        directory_fd_ = open_beneath(packer_.options_.root.fd, item.directory->path, flags);
        open_directory_ = item.directory.get();
        return directory_fd_.get();
    }

    void append_header(const archive::TarMember& member) {
        header_.clear();
        archive::append_header(member, header_);
        batch_.raw.append(header_);
    }

    void start_entry(const PackItem& item, const FileStat& stat, PackOutcome& out) {
        out.has_entry = true;
        out.change = item.file.change;
        out.old_size_bytes = item.file.old ? item.file.old->stat.size : 0;
        out.entry.path = join_path(item.directory->path, item.file.name);
        out.entry.stat = stat;
    }

    void add_directory(PackItem& item, PackOutcome& out) {
        const PlannedDirectory& planned = item.planned_directory;
        archive::TarMember member = member_of(planned.stat, item.directory->tar_name);
        std::optional<Metadata> now = directory_metadata(item);
        member.metadata = now ? std::move(*now) : decode_metadata(planned.old_metadata);
        if (planned.deep_unit == 0) member.dumpdir = planned.dumpdir;
        append_header(member);
        if (item.silent) return;
        out.has_entry = true;
        out.change = planned.change;
        out.entry.path = planned.path;
        out.entry.stat = planned.stat;
        out.entry.metadata = std::move(member.metadata);
        // What could not be had may be next time, and nothing about the directory will have changed.
        out.entry.racy = !now || scan::is_racy(planned.stat, packer_.options_.scan_started);
        out.problem = item.problem;
        out.harmless = item.harmless;
    }

    /// Attributes of the directory, which is opened for its files, too; nullopt if the old ones must stand
    /// in. If they cannot be read, or the directory is not the one that the scan saw, the item says so.
    std::optional<Metadata> directory_metadata(PackItem& item) {
        const PlannedDirectory& planned = item.planned_directory;
        directory_fd_ = open_beneath(packer_.options_.root.fd, planned.path, O_RDONLY | O_DIRECTORY);
        open_directory_ = item.directory.get();
        if (planned.metadata_from_old) return std::nullopt;  // the scan has told why
        FileStat stat;
        if (!directory_fd_ || !stat_at(directory_fd_.get(), "", stat, AT_EMPTY_PATH)) {
            cannot(item, "cannot open");
            return std::nullopt;
        }
        if (!is_same_inode(stat, planned.stat)) {
            errno = ENOENT;
            cannot(item, "cannot open");
            return std::nullopt;
        }
        try {
            Metadata now = read_metadata(directory_fd_.get());
            // An attribute was taken away since the scan, which tar will not do: the next run sees to it.
            if (planned.keeps_attributes && has_lost_attribute(decode_metadata(planned.old_metadata), now))
                return std::nullopt;
            return now;
        } catch (const Error& e) {
            item.problem = e.message();
            return std::nullopt;
        }
    }

    void add_hard_link(const PackItem& item, PackOutcome& out) {
        archive::TarMember member = member_of(item.file.stat, item.directory->tar_name + item.file.name);
        member.hard_link = true;
        member.link_target = "./" + item.link_path;
        append_header(member);
        start_entry(item, item.file.stat, out);
        if (out.change == Change::none) out.metadata_only = true;
        out.entry.stored = archive::Stored::link;
        out.entry.link_path = item.link_path;
        out.entry.racy = scan::is_racy(item.file.stat, packer_.options_.scan_started);
    }

    void add_record(const PackItem& item, PackOutcome& out) {
        keep(item, item.file.stat, out, packer_.options_.scan_started);
        out.read_bytes = item.read_bytes;
    }

    /// The content is where it was: record what stat(2) says now.
    void keep(const PackItem& item, const FileStat& stat, PackOutcome& out, Timestamp examined) {
        const OldVersion& old = *item.file.old;
        start_entry(item, stat, out);
        out.change = Change::none;
        out.entry.stored = archive::Stored::earlier;
        out.entry.link_target = old.link_target;
        out.entry.sha256 = old.sha256;
        out.entry.metadata = decode_metadata(old.metadata);
        out.entry.location = old.location;
        out.entry.racy = scan::is_racy(stat, examined);
        out.entry.coarse = old.coarse;
        if (old.coarse) out.entry.stat.mtime.nsec = 0;  // what a restore gives back is what the archive says
    }

    void add_station(const PackItem& item) {
        archive::TarMember member;
        member.name = item.directory->tar_name;
        member.type = FileType::symlink;
        member.mode = 0777;
        member.link_target = item.link_path;
        append_header(member);
    }

    void add_file(PackItem& item, PackOutcome& out) {
        if (item.made) {
            add_made(item, out);
            return;
        }
        if (!item.problem.empty()) {
            // Told below.
        } else if (item.file.stat.type == FileType::regular) {
            add_regular(item, out);
        } else {
            add_special(item, out);
        }
        if (out.again || item.problem.empty()) return;  // `again` has taken the item
        out.problem = item.problem;
        out.harmless = item.harmless;
    }

    void add_made(PackItem& item, PackOutcome& out) {
        const std::size_t offset = out.raw_offset;
        out = std::move(item.made->outcome);
        out.raw_offset = offset;
        batch_.raw.append(item.made->raw.view());
        item.made.reset();
    }

    /// Symbolic links, fifos, devices.
    void add_special(PackItem& item, PackOutcome& out) {
        Timestamp examined = packer_.options_.root.examined_at(packer_.clock_);
        int dir = directory_fd(item);
        FileStat stat;
        if (dir < 0 || !stat_at(dir, item.file.name.c_str(), stat)) {
            cannot(item, "cannot examine");
            return;
        }
        if (stat.type != item.file.stat.type) {
            out.problem = kBecameAnother;
            return;
        }
        archive::TarMember member = member_of(stat, item.directory->tar_name + item.file.name);
        if (stat.type == FileType::symlink) {
            char target[PATH_MAX];
            ssize_t length = readlinkat(dir, item.file.name.c_str(), target, sizeof target);
            if (length < 0) {
                cannot(item, "cannot read the link");
                return;
            }
            member.link_target.assign(target, static_cast<std::size_t>(length));
        }
        const std::optional<OldVersion>& old = item.file.old;
        try {
            member.metadata = read_metadata_at(dir, item.file.name.c_str());
        } catch (const Error& e) {
            if (e.os_error() == ENOENT) {
                errno = ENOENT;
                cannot(item, "cannot examine");
                return;
            }
            item.problem = e.message();
            if (old) member.metadata = decode_metadata(old->metadata);
        }
        if (item.file.action == Action::check && old && same_attributes(old->stat, stat) &&
            old->link_target == member.link_target && old->metadata == encode_metadata(member.metadata)) {
            keep(item, stat, out, examined);
        } else {
            append_header(member);
            start_entry(item, stat, out);
            if (item.file.action == Action::check) out.change = Change::changed;
            out.entry.link_target = member.link_target;
            out.entry.metadata = std::move(member.metadata);
            out.entry.racy = scan::is_racy(stat, examined);
        }
        // Attributes that could not be read may be readable next time.
        if (!item.problem.empty()) out.entry.racy = true;
    }

    void add_regular(PackItem& item, PackOutcome& out) {
        Buffer& raw = batch_.raw;
        const unsigned retries = packer_.options_.retries;
        FileStat stat = item.file.stat;
        for (unsigned attempt = 0;; ++attempt) {
            // What the scan saw will do at first, and spares a system call a file: if the file is still like
            // that after it was read, it was so all the time. If not, a retry that looks for itself must be
            // left.
            const bool from_scan = attempt == 0 && retries > 0;
            Timestamp read_started = packer_.options_.root.examined_at(packer_.clock_);
            Fd fd;
            int dir = directory_fd(item);
            if (dir >= 0) fd = open_for_reading(dir, item.file.name.c_str());
            if (!fd) {
                cannot(item, "cannot open");
                return;
            }
            if (!from_scan &&
                (!stat_at(fd.get(), "", stat, AT_EMPTY_PATH) || stat.type != FileType::regular)) {
                out.problem = kBecameAnother;
                return;
            }
            if (stat.size > kSmallFileBytesMax) {  // it grew since the scan
                out.again = std::make_unique<PackItem>(std::move(item));
                return;
            }
            archive::TarMember member = member_of(stat, item.directory->tar_name + item.file.name);
            std::size_t content = 0;
            std::size_t got = 0;
            try {
                member.metadata = read_metadata(fd.get());
                append_header(member);
                content = raw.size();
                auto size = static_cast<std::size_t>(stat.size);
                char* bytes = raw.extend(size + archive::padding(size));
                got = pread_full(fd.get(), bytes, size, 0);
                // Zeros: what the file has lost meanwhile, and the padding.
                std::memset(bytes + got, 0, size + archive::padding(size) - got);
            } catch (const Error& e) {
                raw.truncate(out.raw_offset);
                if (from_scan) continue;
                out.problem = e.message();
                return;
            }
            out.read_bytes += got;
            FileStat after;
            bool steady =
                got == stat.size && stat_at(fd.get(), "", after, AT_EMPTY_PATH) && same_state(stat, after);
            if (!steady && attempt < retries) {
                raw.truncate(out.raw_offset);
                continue;
            }
            hash_.update(raw.view().substr(content, stat.size));
            finish_regular(item, stat, read_started, std::move(member.metadata), hash_.finish(), out);
            out.entry.unstable = !steady;
            if (!steady) {
                out.problem = "changed while it was read";
                out.harmless = true;
            }
            return;
        }
    }

    void finish_regular(const PackItem& item, const FileStat& stat, Timestamp read_started, Metadata metadata,
                        const Digest& sha256, PackOutcome& out) {
        const std::optional<OldVersion>& old = item.file.old;
        bool same_content = old && !old->sparse && old->stat.size == stat.size && old->sha256 == sha256;
        bool same =
            same_content && same_attributes(old->stat, stat) && old->metadata == encode_metadata(metadata);
        if (item.file.action == Action::check && same) {
            batch_.raw.truncate(out.raw_offset);
            keep(item, stat, out, read_started);
            return;
        }
        start_entry(item, stat, out);
        if (old && !same) out.change = Change::changed;
        out.metadata_only = same_content && !same;
        out.entry.sha256 = sha256;
        out.entry.metadata = std::move(metadata);
        out.entry.stored = archive::Stored::whole;
        out.entry.racy = scan::is_racy(stat, read_started);
    }

    const BatchPacker& packer_;
    PackBatch& batch_;
    Sha256 hash_;
    std::string header_;
    Fd directory_fd_;
    const PackDirectory* open_directory_ = nullptr;
};

std::shared_ptr<LargeFile> BatchPacker::open_large(PackItem item) const {
    auto large = std::make_shared<LargeFile>();
    large->read_started = options_.root.examined_at(clock_);
    Fd dir = open_beneath(options_.root.fd, item.directory->path, O_PATH | O_DIRECTORY);
    if (dir) item.fd = open_for_reading(dir.get(), item.file.name.c_str());
    if (!item.fd) {
        cannot(item, "cannot open");
    } else if (!stat_at(item.fd.get(), "", large->stat, AT_EMPTY_PATH) ||
               large->stat.type != FileType::regular) {
        item.problem = kBecameAnother;
    } else {
        try {
            large->metadata = read_metadata(item.fd.get());
            archive::TarMember member = member_of(large->stat, item.directory->tar_name + item.file.name);
            member.metadata = large->metadata;
            member.sparse = content_layout(item.fd.get(), large->stat).sparse;
            large->sparse = member.sparse.has_value();
            if (large->sparse) large->sparse_map = sparse_map_block(*member.sparse);
            large->content_bytes = archive::content_bytes(member);
            archive::append_header(member, large->header);
            large->item = std::move(item);
            if (member.sparse)
                large->regions = std::move(*member.sparse);
            else if (large->stat.size > 0)
                large->regions = {{0, large->stat.size}};
            return large;
        } catch (const Error& e) {
            item.problem = e.message();
        }
    }
    large->problem = true;
    large->item = std::move(item);
    return large;
}

std::optional<FileStat> BatchPacker::make_leader(PackItem& item) const {
    const FileStat scanned = item.file.stat;
    bool small = scanned.type != FileType::regular || scanned.size <= kSmallFileBytesMax;
    std::optional<FileStat> now;
    if (small) now = make_small_leader(item);
    if (!item.made) now = open_large_leader(item);  // a small one may have grown
    return now && is_same_inode(*now, scanned) ? now : std::nullopt;
}

std::optional<FileStat> BatchPacker::make_small_leader(PackItem& item) const {
    PackBatch batch;
    Builder(*this, batch).add(item);
    PackOutcome& out = batch.outcomes.front();
    if (out.again) {
        item = std::move(*out.again);
        return std::nullopt;
    }
    std::optional<FileStat> now;
    if (out.has_entry) now = out.entry.stat;
    item.made = std::make_shared<MadeMember>(MadeMember{std::move(batch.raw), std::move(out)});
    return now;
}

std::optional<FileStat> BatchPacker::open_large_leader(PackItem& item) const {
    std::shared_ptr<LargeFile> large = open_large(std::move(item));
    item = PackItem{};
    if (large->problem) {
        item = std::move(large->item);
        return std::nullopt;
    }
    large->item.keep_position = true;
    item.directory = large->item.directory;
    item.large = large;
    return large->stat;
}

void BatchPacker::pack_chunk(PackBatch& batch) const {
    LargeFile& large = *batch.large;
    if (batch.first) batch.raw.append(large.header);
    batch.content_offset = batch.raw.size();
    for (const archive::SparseRegion& piece : batch.pieces) {
        auto length = static_cast<std::size_t>(piece.length_bytes);
        char* bytes = batch.raw.extend(length);
        std::size_t got = 0;
        try {
            while (got < length) {
                std::size_t want = std::min(length - got, kReadBytes);
                std::size_t n = pread_full(large.item.fd.get(), bytes + got, want, piece.offset + got);
                got += n;
                if (n == want) continue;
                large.short_read = true;
                break;
            }
        } catch (const Error&) {
            large.failed = true;
        }
        // Zeros stand in for what cannot be read any more.
        std::memset(bytes + got, 0, length - got);
    }
    batch.content_length = batch.raw.size() - batch.content_offset;
    if (batch.last) batch.raw.append_zeros(archive::padding(large.content_bytes));
}

void BatchPacker::pack(PackBatch& batch) const {
    batch.raw.reserve(kRawBytes);
    if (batch.large != nullptr) {
        pack_chunk(batch);
    } else if (batch.end_of_archive) {
        batch.raw.append(archive::end_of_archive());
    } else {
        Builder builder(*this, batch);
        batch.outcomes.reserve(batch.items.size());
        for (PackItem& item : batch.items) builder.add(item);
    }
    for (std::size_t at = 0; at < batch.raw.size(); at += options_.frame_bytes_max) {
        std::string_view piece = batch.raw.view().substr(at, options_.frame_bytes_max);
        PackBatch::Frame& frame = batch.frames.emplace_back();
        frame.raw_bytes = static_cast<std::uint32_t>(piece.size());
        encoder_.encode(piece, frame.bytes);
    }
}

}  // namespace icecore::engine
