#pragma once

#include <optional>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "engine/environment.h"
#include "engine/interrupted_run.h"
#include "engine/upload.h"

namespace icecore::engine {

struct BackupRequest {
    bool full = false;         ///< start a new chain
    bool dry_run = false;      ///< scan and plan, write nothing
    bool no_upload = false;    ///< leave storing offsite to a later upload
    bool allow_empty = false;  ///< back up an empty data directory although the last run had files
};

/// What a run did, or for a dry run, would do.
struct BackupResult {
    archive::ManifestHeader header;
    archive::ManifestTrailer
        trailer;  ///< dry run: counts only (read_bytes = bytes that would be read at most)
    double seconds = 0;
    std::string log_file;  ///< path; empty for a dry run
    /// If the set has a target and it was not asked to leave that alone. The run exists whatever this says.
    std::optional<UploadResult> upload;
    std::optional<InterruptedRun>
        interrupted;  ///< the run before this one was stopped, and what became of it
    /// Dry run only: one line a change, in the log's words, at most 10,000.
    std::vector<std::string> plan;
    /// Some files or directories could not be read (exit status 3).
    bool incomplete() const { return trailer.counts.errors > 0; }
};

/// Runs one backup of a set: lock, finish what a crashed run left, scan, plan, pack, seal, upload
/// (doc/architecture.md walks through it). After return the run exists, or an Error was thrown and the
/// earlier runs are as they were. The set's lock is free again while the rest is uploaded.
///
/// Throws Error: denied (another run holds the lock: names it; no permission on the backup directory),
/// invalid (data and backup directories inside each other), not_found (no data directory), exists (the data
/// directory is empty, the last run's was not), io, corrupt.
BackupResult run_backup(const Environment& env, const SetOptions& set, const BackupRequest& request,
                        Observer& observer);

}  // namespace icecore::engine
