#include "engine/content.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/metadata.h"
#include "base/text.h"
#include "scan/change.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

/// Adds `length` bytes from `offset` to the hash; false if the file ends before.
bool hash_region(int fd, std::uint64_t offset, std::uint64_t length, std::string& buffer, Sha256& hash) {
    buffer.resize(kReadBytes);
    while (length > 0) {
        auto want = static_cast<std::size_t>(std::min<std::uint64_t>(length, kReadBytes));
        std::size_t n = pread_full(fd, buffer.data(), want, offset);
        hash.update({buffer.data(), n});
        if (n < want) return false;
        offset += n;
        length -= n;
    }
    return true;
}

}  // namespace

ContentLayout content_layout(int fd, const FileStat& stat) {
    if (stat.size <= kSmallFileBytesMax || stat.allocated_bytes >= stat.size) return {};
    scan::SparseMap map = scan::read_sparse_map(fd, stat);
    if (!map.is_sparse) return {};
    return {archive::align_regions(map.regions, stat.size)};
}

Fd open_for_reading(int dir, const char* name) {
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    Fd fd = open_at(dir, name, kFlags | O_NOATIME);
    if (!fd && errno == EPERM) fd = open_at(dir, name, kFlags);
    return fd;
}

std::string sparse_map_block(const std::vector<archive::SparseRegion>& regions) {
    std::string map = std::to_string(regions.size()) + "\n";
    for (const archive::SparseRegion& region : regions) {
        map += std::to_string(region.offset) + "\n";
        map += std::to_string(region.length_bytes) + "\n";
    }
    map.append(archive::padding(map.size()), '\0');
    return map;
}

std::optional<ContentFacts> read_content_facts(int root_fd, const std::string& path) {
    Fd dir = open_beneath(root_fd, parent_path(path), O_PATH | O_DIRECTORY);
    if (!dir) return std::nullopt;
    Fd fd = open_for_reading(dir.get(), std::string(base_name(path)).c_str());
    ContentFacts facts;
    if (!fd || !stat_at(fd.get(), "", facts.stat, AT_EMPTY_PATH) || facts.stat.type != FileType::regular)
        return std::nullopt;
    try {
        ContentLayout layout = content_layout(fd.get(), facts.stat);
        Sha256 hash;
        std::string buffer;
        bool complete = true;
        if (layout.sparse) {
            facts.sparse = true;
            hash.update(sparse_map_block(*layout.sparse));
            for (const archive::SparseRegion& region : *layout.sparse) {
                complete =
                    complete && hash_region(fd.get(), region.offset, region.length_bytes, buffer, hash);
                facts.read_bytes += region.length_bytes;
            }
        } else {
            complete = hash_region(fd.get(), 0, facts.stat.size, buffer, hash);
            facts.read_bytes = facts.stat.size;
        }
        facts.sha256 = hash.finish();
        facts.metadata = encode_metadata(read_metadata(fd.get()));
        FileStat after;
        if (!complete || !stat_at(fd.get(), "", after, AT_EMPTY_PATH) || !same_state(facts.stat, after))
            return std::nullopt;
    } catch (const Error&) {
        return std::nullopt;  // unreadable now: packing tries again and reports it
    }
    return facts;
}

bool has_lost_attribute(const Metadata& before, const Metadata& now) {
    auto lost = [&now](const auto& attribute) {
        return std::none_of(now.xattrs.begin(), now.xattrs.end(),
                            [&](const auto& other) { return other.first == attribute.first; });
    };
    return (!before.acl_access.empty() && now.acl_access.empty()) ||
           (!before.acl_default.empty() && now.acl_default.empty()) ||
           std::any_of(before.xattrs.begin(), before.xattrs.end(), lost);
}

bool same_state(const FileStat& a, const FileStat& b) {
    return a.type == b.type && a.ino == b.ino && a.size == b.size && a.mtime == b.mtime && a.ctime == b.ctime;
}

}  // namespace icecore::engine
