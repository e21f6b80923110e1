#include "base/stream_hash.h"

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace icecore {

bool PartDigests::make_up(std::size_t count, const Digest& tree_hash) const {
    if (parts.empty() || parts.size() != count) return false;
    std::vector<Digest> hashes;
    for (const Digests& part : parts) hashes.push_back(part.tree_hash);
    return combine_tree_hashes(std::move(hashes)) == tree_hash;
}

StreamHash::StreamHash(std::uint64_t part_bytes, bool use_cpu)
    : part_bytes_(part_bytes), lanes_(part_bytes > 0 ? 3 : 2, use_cpu) {
    CHECK(part_bytes % kLeafBytes == 0);
}

void StreamHash::update(std::string_view data) {
    while (!data.empty()) {
        auto take = static_cast<std::size_t>(
            std::min<std::uint64_t>(data.size(), kLeafBytes - position_ % kLeafBytes));
        lanes_.update(data.substr(0, take));
        data.remove_prefix(take);
        position_ += take;
        if (position_ % kLeafBytes == 0) leaves_.push_back(lanes_.end_lane(kLeaf));
        if (part_bytes_ > 0 && position_ % part_bytes_ == 0) end_part(lanes_.end_lane(kPart));
    }
}

void StreamHash::end_part(const Digest& sha256) {
    std::vector<Digest> leaves(leaves_.begin() + static_cast<std::ptrdiff_t>(leaves_in_parts_),
                               leaves_.end());
    parts_.push_back({sha256, combine_tree_hashes(std::move(leaves))});
    leaves_in_parts_ = leaves_.size();
}

StreamHash::Result StreamHash::finish() {
    std::array<Digest, Sha256Lanes::kLanesMax> last = lanes_.finish();
    if (position_ % kLeafBytes != 0 || position_ == 0) leaves_.push_back(last[kLeaf]);
    if (part_bytes_ > 0 && leaves_in_parts_ < leaves_.size()) end_part(last[kPart]);
    position_ = 0;
    leaves_in_parts_ = 0;
    Result result;
    result.leaves = std::exchange(leaves_, {});
    result.whole = {last[kWhole], combine_tree_hashes(result.leaves)};
    if (part_bytes_ > 0) result.parts = {part_bytes_, std::exchange(parts_, {})};
    return result;
}

Digests digests_of(std::string_view data) {
    StreamHash hash;
    hash.update(data);
    return hash.finish().whole;
}

Digests digests_of(const std::function<std::size_t(char* buffer, std::size_t size)>& read) {
    constexpr std::size_t kBufferBytes = 1 << 20;
    auto buffer = std::make_unique_for_overwrite<char[]>(kBufferBytes);
    StreamHash hash;
    while (std::size_t got = read(buffer.get(), kBufferBytes)) hash.update({buffer.get(), got});
    return hash.finish().whole;
}

Digests digests_of_file(const std::string& path) {
    Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW);
    std::uint64_t at = 0;
    return digests_of([&](char* buffer, std::size_t size) {
        std::size_t got = pread_full(fd.get(), buffer, size, at);
        at += got;
        return got;
    });
}

Digests digests_of(RandomAccessSource& source, std::uint64_t offset, std::uint64_t length_bytes) {
    std::uint64_t at = 0;
    return digests_of([&](char* buffer, std::size_t size) {
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, length_bytes - at));
        if (size > 0) source.read(offset + at, buffer, size);
        at += size;
        return size;
    });
}

}  // namespace icecore
