#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/file.h"

namespace icecore::engine {

/// `.running` in the backup directory: there while a run goes on, and after one that was stopped. Says whose
/// files are unfinished, and what the next run must know to finish them. Text: the stem, then words, a line
/// each.
struct RunMarker {
    std::string stem;
    /// archive.snar was there when the run started (so if it is gone, somebody deleted it).
    bool had_snapshot = false;
    /// The root has a second record, right after the first.
    bool purges_again = false;
    /// The archive makes sense only as a whole (deep units): it cannot be closed.
    bool all_or_nothing = false;
    /// The archive is being closed: its volumes from this number on are of the closing, and can be made
    /// again.
    std::optional<std::uint32_t> closing_from;
};

void write_marker(FileSystem& fs, const std::string& backup_dir, const RunMarker& marker);
std::optional<RunMarker> read_marker(const std::string& backup_dir);
void remove_marker(FileSystem& fs, const std::string& backup_dir);

}  // namespace icecore::engine
