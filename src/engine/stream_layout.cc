#include "engine/stream_layout.h"

#include <algorithm>

#include "base/error.h"

namespace icecore::engine {

StreamLayout::StreamLayout(const std::vector<archive::VolumeInfo>& volumes) : starts_{0} {
    for (const archive::VolumeInfo& volume : volumes) {
        if (volume.raw_bytes > INT64_MAX - starts_.back())
            throw Error(Error::Kind::corrupt, "its volumes are longer than anything can be");
        starts_.push_back(starts_.back() + volume.raw_bytes);
    }
}

std::optional<std::uint64_t> StreamLayout::offset_of(std::uint32_t volume, std::uint64_t offset) const {
    if (volume + std::size_t{1} >= starts_.size()) return std::nullopt;
    if (offset > starts_[volume + std::size_t{1}] - starts_[volume]) return std::nullopt;
    return starts_[volume] + offset;
}

archive::StreamPosition StreamLayout::position_of(std::uint64_t offset) const {
    CHECK(offset <= total_bytes());
    auto after = std::upper_bound(starts_.begin(), starts_.end() - 1, offset);
    auto volume = static_cast<std::size_t>(after - starts_.begin() - 1);
    return {static_cast<std::uint32_t>(volume), offset - starts_[volume]};
}

}  // namespace icecore::engine
