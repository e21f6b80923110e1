#include "sim/glacier/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/stream_hash.h"
#include "base/text.h"
#include "sim/lane.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kDigestBytes = sizeof(Digest::bytes);

/// From that size on a file is written past the page cache.
constexpr std::uint64_t kLargeBytes = 8 << 20;
constexpr off_t kReadAheadBytes = 8 << 20;

std::uint64_t leaf_count(std::uint64_t size_bytes) {
    return (size_bytes + kMegabyte - 1) / kMegabyte;
}

/// The bytes of a part in a file of `file_bytes`.
std::uint64_t part_size_of(std::uint64_t file_bytes) {
    std::uint64_t leaves = (file_bytes + kMegabyte + kDigestBytes - 1) / (kMegabyte + kDigestBytes);
    std::uint64_t trailer = leaves * kDigestBytes;
    return file_bytes > trailer && leaf_count(file_bytes - trailer) == leaves ? file_bytes - trailer : 0;
}

/// Leaves `first` to `first` + `count` - 1 of the part in `path` that holds `part_bytes`.
void append_leaves(std::vector<Digest>& out, const std::string& path, std::uint64_t part_bytes,
                   std::uint64_t first, std::uint64_t count) {
    Fd fd = open_file(path, O_RDONLY);
    std::string raw(count * kDigestBytes, '\0');
    if (pread_full(fd.get(), raw.data(), raw.size(), part_bytes + first * kDigestBytes) != raw.size())
        throw Error(Error::Kind::corrupt, format("{} is shorter than it was", path));
    for (std::uint64_t i = 0; i < count; ++i)
        out.push_back(Digest::from_bytes(std::string_view(raw).substr(i * kDigestBytes, kDigestBytes)));
}

class ArchiveSource final : public BodySource {
  public:
    ArchiveSource(std::string dir, std::uint64_t part_bytes, std::uint64_t first)
        : dir_(std::move(dir)), part_bytes_(part_bytes), first_(first) {}
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        while (size > 0) {
            std::uint64_t at = first_ + offset;
            std::uint64_t index = at / part_bytes_;
            std::uint64_t in_part = at % part_bytes_;
            std::size_t count =
                static_cast<std::size_t>(std::min<std::uint64_t>(size, part_bytes_ - in_part));
            if (!fd_ || index != index_) fd_ = open_file(join_path(dir_, part_name(index)), O_RDONLY);
            index_ = index;
            // The next ones are read while these are sent.
            posix_fadvise(fd_.get(), static_cast<off_t>(in_part + count), kReadAheadBytes,
                          POSIX_FADV_WILLNEED);
            if (pread_full(fd_.get(), buffer, count, in_part) != count)
                throw Error(Error::Kind::corrupt, format("part {} in {} is too short", index, dir_));
            offset += count;
            buffer += count;
            size -= count;
        }
    }

  private:
    std::string dir_;
    std::uint64_t part_bytes_;
    std::uint64_t first_;
    std::uint64_t index_ = 0;
    Fd fd_;
};

}  // namespace

std::string part_name(std::uint64_t index) {
    return format("part-{:05}", index);
}

ReceivedPart receive_part(RequestBody& body, FileSystem& file_system, const std::string& dir,
                          const std::string& name) {
    bool large = body.left_bytes() >= kLargeBytes;
    std::unique_ptr<OutputFile> file =
        large ? file_system.create_large(dir, name) : file_system.create(dir, name, false);
    ReceivedPart out;
    StreamHash hash;
    {
        Lane hashing([&](std::string_view piece) { hash.update(piece); });
        Lane writing([&](std::string_view piece) { file->write(piece); });
        for (;;) {
            auto piece = std::make_shared<Buffer>();
            body.next(*piece);
            if (piece->empty()) break;
            hashing.put(piece);
            writing.put(piece);
            out.size_bytes += piece->size();
        }
        hashing.finish();
        writing.finish();
    }
    StreamHash::Result hashed = hash.finish();
    std::string trailer;
    for (const Digest& leaf : hashed.leaves) trailer += leaf.view();
    file->write(trailer);
    file->seal();
    out.sha256 = hashed.whole.sha256;
    out.tree_hash = hashed.whole.tree_hash;
    return out;
}

Part read_part(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) throw_errno(path);
    std::uint64_t size = part_size_of(static_cast<std::uint64_t>(st.st_size));
    if (size == 0) throw Error(Error::Kind::corrupt, format("{} is no part of an archive", path));
    std::vector<Digest> leaves;
    append_leaves(leaves, path, size, 0, leaf_count(size));
    return {size, combine_tree_hashes(std::move(leaves))};
}

std::unique_ptr<BodySource> open_archive(std::string dir, const Archive& archive, const ByteRange& range) {
    return std::make_unique<ArchiveSource>(std::move(dir), archive.part_bytes, range.first);
}

Digest range_tree_hash(const std::string& dir, const Archive& archive, const ByteRange& range) {
    CHECK(tree_hash_aligned(range, archive.size_bytes));
    std::vector<Digest> leaves;
    std::uint64_t last_part = range.last / archive.part_bytes;
    for (std::uint64_t index = range.first / archive.part_bytes; index <= last_part; ++index) {
        std::uint64_t part_start = index * archive.part_bytes;
        std::uint64_t part_size = std::min(archive.part_bytes, archive.size_bytes - part_start);
        std::uint64_t first = (std::max(range.first, part_start) - part_start) / kMegabyte;
        std::uint64_t end = leaf_count(std::min(range.last + 1 - part_start, part_size));
        append_leaves(leaves, join_path(dir, part_name(index)), part_size, first, end - first);
    }
    return combine_tree_hashes(std::move(leaves));
}

}  // namespace icecore::sim::glacier
