#include "engine/archive_closer.h"

#include <fcntl.h>

#include <algorithm>

#include "base/error.h"
#include "base/metadata.h"
#include "base/text.h"
#include "engine/content.h"
#include "scan/change.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kCopyBytes = 1 << 20;

}  // namespace

/// The file of which a beginning is stored, as it is now.
class ArchiveCloser::LiveFile {
  public:
    LiveFile(int root_fd, const std::string& path, const archive::TarMember& member) {
        Fd dir = open_beneath(root_fd, parent_path(path), O_PATH | O_DIRECTORY);
        if (dir) fd_ = open_for_reading(dir.get(), std::string(base_name(path)).c_str());
        same_ = fd_ && stat_at(fd_.get(), "", stat_, AT_EMPTY_PATH) && stat_.type == FileType::regular &&
                stat_.size == member.size_bytes && stat_.mtime == member.mtime;
    }

    bool same() const { return same_; }
    const FileStat& stat() const { return stat_; }

    /// Reads `size` bytes; once that fails it is not the same file any more.
    bool read(char* buffer, std::size_t size, std::uint64_t offset) {
        try {
            same_ = same_ && pread_full(fd_.get(), buffer, size, offset) == size;
        } catch (const Error&) {
            same_ = false;
        }
        return same_;
    }
    void compare(std::string_view stored, std::uint64_t offset) {
        buffer_.resize(kCopyBytes);
        if (read(buffer_.data(), stored.size(), offset))
            same_ = stored == std::string_view(buffer_.data(), stored.size());
    }
    /// Whether what its header says beside size and mtime still holds.
    bool same_attributes(const archive::TarMember& member) const {
        return stat_.mode == member.mode && stat_.uid == member.uid && stat_.gid == member.gid &&
               read_metadata(fd_.get()) == member.metadata;
    }
    /// Whether it held still all the time.
    bool steady() const {
        FileStat after;
        return same_ && stat_at(fd_.get(), "", after, AT_EMPTY_PATH) && same_state(stat_, after);
    }

  private:
    Fd fd_;
    FileStat stat_;
    bool same_ = false;
    std::string buffer_;
};

ArchiveCloser::ArchiveCloser(const Environment& env, const SetOptions& set, const InterruptedArchive& archive,
                             OnSealed on_sealed)
    : env_(env),
      encoder_(archive.header().compression),
      writer_(env.fs, set.backup_dir, archive.header().archive_name,
              {.method = archive.header().compression.method,
               .volume_bytes_max = set.volume_bytes_max,
               .first_volume = static_cast<std::uint32_t>(archive.volumes().size())},
              std::move(on_sealed)) {
    raw_.reserve(archive::kFrameBytesMax);
}

archive::ManifestEntry ArchiveCloser::complete(const archive::TarMember& member,
                                               InterruptedArchive::Tail& tail, const DataRoot& root) {
    Timestamp started = root.examined_at(env_.clock);
    archive::ManifestEntry entry;
    entry.path = archive::path_of_member(member.name);
    LiveFile live(root.fd, entry.path, member);
    Sha256 hash;
    if (member.sparse) hash.update(sparse_map_block(*member.sparse));
    std::vector<archive::SparseRegion> whole = {{0, member.size_bytes}};
    const archive::Location location = tail.location(member);
    const std::uint64_t content = archive::content_bytes(member);
    const std::uint64_t padding_there = tail.bytes_there() > content ? tail.bytes_there() - content : 0;
    std::uint64_t there = std::min(tail.bytes_there(), content);
    std::string buffer(kCopyBytes, '\0');
    for (const archive::SparseRegion& region : member.sparse ? *member.sparse : whole) {
        for (std::uint64_t done = 0; done < region.length_bytes;) {
            std::uint64_t room = std::min<std::uint64_t>(region.length_bytes - done, kCopyBytes);
            std::uint64_t offset = region.offset + done;
            std::size_t n = 0;
            if (there > 0) {
                n = tail.reader().read_content(buffer.data(),
                                               static_cast<std::size_t>(std::min(room, there)));
                if (n == 0)
                    throw Error(Error::Kind::corrupt, "a sealed volume ends earlier than its table says");
                live.compare({buffer.data(), n}, offset);
                there -= n;
            } else {
                n = static_cast<std::size_t>(room);
                if (!live.read(buffer.data(), n, offset)) std::fill_n(buffer.begin(), n, '\0');
                append({buffer.data(), n});
                read_bytes_ += n;
            }
            hash.update({buffer.data(), n});
            done += n;
        }
    }
    append(std::string(static_cast<std::size_t>(archive::padding(content) - padding_there), '\0'));

    bool steady = live.steady();
    entry.sha256 = hash.finish();
    entry.metadata = member.metadata;
    entry.stored = member.sparse ? archive::Stored::sparse : archive::Stored::whole;
    entry.location = location;
    entry.racy = !steady || scan::is_racy(live.stat(), started);
    entry.unstable = !steady;
    if (steady) {
        entry.stat = live.stat();
        if (!live.same_attributes(member)) entry.stat.ctime = {};  // so that the next run looks at it
    } else {
        entry.stat.type = member.type;
        entry.stat.nlink = 1;
        entry.stat.size = member.size_bytes;
        entry.stat.mtime = member.mtime;
    }
    entry.stat.mode = member.mode;
    entry.stat.uid = member.uid;
    entry.stat.gid = member.gid;
    return entry;
}

void ArchiveCloser::add_directory(const archive::TarMember& member) {
    std::string header;
    archive::append_header(member, header);
    append(header);
}

void ArchiveCloser::finish() {
    append(archive::end_of_archive());
    write_frame();
    writer_.finish();
}

void ArchiveCloser::append(std::string_view raw) {
    while (!raw.empty()) {
        std::size_t n = std::min(raw.size(), archive::kFrameBytesMax - raw_.size());
        raw_ += raw.substr(0, n);
        raw.remove_prefix(n);
        if (raw_.size() == archive::kFrameBytesMax) write_frame();
    }
}

void ArchiveCloser::write_frame() {
    if (raw_.empty()) return;
    encoder_.encode(raw_, frame_);
    writer_.append(std::move(frame_), static_cast<std::uint32_t>(raw_.size()));
    raw_.clear();
}

}  // namespace icecore::engine
