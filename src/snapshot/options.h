#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace icecore::snapshot {

enum class Kind : std::uint8_t { none, btrfs, zfs, lvm };

/// As the configuration has it: "none", "btrfs", "zfs", "lvm".
std::string_view kind_name(Kind kind);
std::optional<Kind> parse_kind(std::string_view name);

/// What a set wants.
struct Options {
    Kind kind = Kind::none;
    /// lvm: room for what changes while the snapshot stands, as bytes or else as a part of the volume.
    std::uint64_t room_bytes = 0;
    unsigned room_percent = 10;
};

}  // namespace icecore::snapshot
