#include "engine/run_marker.h"

#include <charconv>

#include "base/text.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

constexpr std::string_view kSnapshot = "snapshot";
constexpr std::string_view kPurgesAgain = "purges-again";
constexpr std::string_view kAllOrNothing = "all-or-nothing";
constexpr std::string_view kClosing = "closing ";

}  // namespace

void write_marker(FileSystem& fs, const std::string& backup_dir, const RunMarker& marker) {
    std::string text = marker.stem + "\n";
    auto word = [&text](bool wanted, std::string_view name) {
        if (wanted) text.append(name).append("\n");
    };
    word(marker.had_snapshot, kSnapshot);
    word(marker.purges_again, kPurgesAgain);
    word(marker.all_or_nothing, kAllOrNothing);
    if (marker.closing_from) text.append(kClosing).append(std::to_string(*marker.closing_from)).append("\n");
    write_file_durably(fs, backup_dir, std::string(kRunningName), text, true);
}

std::optional<RunMarker> read_marker(const std::string& backup_dir) {
    std::string path = join_path(backup_dir, kRunningName);
    if (!path_exists(path)) return std::nullopt;
    std::string text = read_file(path);
    std::string_view rest = text;
    auto next_line = [&rest] {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        return line;
    };
    RunMarker marker;
    marker.stem = next_line();
    while (!rest.empty()) {
        std::string_view line = next_line();
        marker.had_snapshot |= line == kSnapshot;
        marker.purges_again |= line == kPurgesAgain;
        marker.all_or_nothing |= line == kAllOrNothing;
        if (!line.starts_with(kClosing)) continue;
        std::uint32_t number = 0;
        std::from_chars(line.data() + kClosing.size(), line.data() + line.size(), number);
        marker.closing_from = number;
    }
    return marker;
}

void remove_marker(FileSystem& fs, const std::string& backup_dir) {
    fs.remove(backup_dir, std::string(kRunningName));
}

}  // namespace icecore::engine
