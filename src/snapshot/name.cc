#include "snapshot/name.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace icecore::snapshot {
namespace {

constexpr std::string_view kOurs = "icecore-";
constexpr std::size_t kSetBytesMax = 36;
constexpr std::size_t kTimeBytes = 16;   // YYYYMMDDTHHMMSSZ
constexpr std::size_t kRandomBytes = 8;  // in hex
constexpr std::size_t kTailBytes = 1 + kTimeBytes + 1 + kRandomBytes;

}  // namespace

std::string make_name(std::string_view set, Timestamp now, double random) {
    std::string shown(set.substr(0, kSetBytesMax));
    // LVM keeps names with words such as "_tmeta" for itself.
    std::replace(shown.begin(), shown.end(), '_', '.');
    auto number = static_cast<std::uint32_t>(random * 4294967296.0);
    return format("{}{}-{}-{:08x}", kOurs, shown, format_compact_utc(now), number);
}

bool is_name(std::string_view name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return false;
    name.remove_prefix(prefix.size());
    if (!name.starts_with(kOurs) || name.size() <= kOurs.size() + kTailBytes) return false;
    std::string_view tail = name.substr(name.size() - kTailBytes);
    return tail[0] == '-' && tail[1 + kTimeBytes] == '-' && parse_utc(tail.substr(1, kTimeBytes)) &&
           from_hex(tail.substr(2 + kTimeBytes)).has_value();
}

}  // namespace icecore::snapshot
