#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "archive/volume.h"

namespace icecore::engine {

/// Turns places in volumes into offsets in the whole archive's tar stream, and back.
class StreamLayout {
  public:
    /// Throws Error{corrupt} if the volumes cannot be that long.
    explicit StreamLayout(const std::vector<archive::VolumeInfo>& volumes);
    std::uint64_t total_bytes() const { return starts_.back(); }
    /// nullopt if there is no such place. The end of a volume is one.
    std::optional<std::uint64_t> offset_of(std::uint32_t volume, std::uint64_t offset) const;
    /// Where `offset`, at most total_bytes(), stands; of two possible volumes the later.
    archive::StreamPosition position_of(std::uint64_t offset) const;

  private:
    std::vector<std::uint64_t> starts_;  ///< of each volume; and the end
};

}  // namespace icecore::engine
