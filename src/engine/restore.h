#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "archive/volume_bytes.h"
#include "catalog/catalog.h"
#include "catalog/work_tables.h"
#include "engine/environment.h"
#include "engine/file_restorer.h"
#include "engine/restore_problems.h"
#include "engine/target_tree.h"

namespace icecore::engine {

struct RestoreRequest {
    catalog::RunNumber at = 0;
    /// Relative to the data directory; empty = everything. Each is made again at its place below `to`.
    std::vector<std::string> paths = {};
    std::string to;  ///< made if missing
    Overwrite overwrite = Overwrite::never;
    /// What exists at the target below a directory that was asked for and is not in the run is removed,
    /// unless something could not be restored.
    bool mirror = false;
    bool local = true;  ///< volumes are read from the backup directory first
    /// Where volumes can be read that are missing or damaged there, tried in order. At least one without
    /// `local`.
    std::vector<archive::VolumeSource> further_sources = {};
};

struct RestoreResult {
    explicit RestoreResult(const std::string& to) : problems(to) {}

    RestoreCounts counts;
    std::uint64_t directories = 0;
    std::uint64_t removed = 0;            ///< names, by `mirror`
    std::uint64_t stored_bytes_read = 0;  ///< read from archives
    /// What could not be restored. Exit status 3 if not empty.
    RestoreProblems problems;
    /// Things that needed privileges this process lacks, once each ("owner of files", …).
    std::vector<std::string> not_permitted;
    /// Damage of volumes that could be helped: nothing is lost by it, but somebody should know.
    std::vector<std::string> remarks;
};

/// Restores files of a run's tree from the archives. Every file's SHA-256 is checked before it is put in
/// place; nothing is ever written outside `to`. With an `overwrite` other than `never`, a file that is there
/// with the recorded size, times, mode, owner and attributes is not read again, so that a restore that was
/// interrupted goes on. Existing directories keep what is in them (but for `mirror`) and get the recorded
/// attributes. Throws Error{not_found} if the run or a path is not there.
RestoreResult restore(const Environment& env, const SetOptions& set, const catalog::Catalog& catalog,
                      const RestoreRequest& request, Observer& observer);

/// Tells, of all names of one file that a restore wants, whether it will read the file's content.
using ContentNeeded = std::function<bool(std::span<const catalog::WorkTables::RestoreItem>)>;

/// As what is at `request.to` now tells: not of files that are in place already, or may not be put there.
/// Makes nothing. One thread at a time.
ContentNeeded content_needed(const RestoreRequest& request);

}  // namespace icecore::engine
