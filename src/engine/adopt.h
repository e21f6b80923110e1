#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"
#include "engine/found_archives.h"

namespace icecore::engine {

struct AdoptRequest {
    FindRequest find;
    bool copy = false;    ///< copies (or reflinks) instead of hard links
    bool rename = false;  ///< removes the old names in the end, where hard links made them needless
    bool dry_run = false;
};

/// An archive, and the run that it is.
struct AdoptedRun {
    std::string name;                ///< its file's, in the directory
    archive::ManifestHeader header;  ///< with the name that it gets, and its damage
    archive::ManifestTrailer trailer;
    bool time_from_name = false;  ///< else it is the file's mtime
    bool adopted_before = false;  ///< nothing was to be done
    bool linked = false;          ///< by a hard link
    std::uint64_t members = 0;    ///< recorded
    /// See ArchiveRecordResult.
    std::uint64_t lost = 0;
    std::uint64_t not_stored = 0;
    std::uint64_t outside = 0;
    std::string failed_rename;
    std::vector<std::string> examples;

    /// Whether a restore of this run may give back less than there was.
    bool is_incomplete() const { return lost > 0 || !header.adopted->damage.empty(); }
};

struct AdoptResult {
    enum class Snapshot : std::uint8_t {
        missing,  ///< the next run is full
        matches,  ///< it is that of the last archive
        differs,  ///< of another run: not used, but the next run is incremental all the same
        damaged,  ///< likewise
    };
    std::vector<AdoptedRun> runs;
    std::vector<PassedOver> passed_over;
    /// Runs that were adopted before, and whose archives somebody has written over since.
    std::vector<archive::ManifestHeader> overwritten;
    std::string root;  ///< of the archives; as ArchiveSurvey::root
    Snapshot snapshot = Snapshot::missing;
    std::string snapshot_name;
    std::string snapshot_problem;      ///< differs: how; damaged: why
    std::vector<std::string> renamed;  ///< old names that were removed
    double seconds = 0;

    bool is_complete() const;  ///< nothing is lost or damaged
};

/// Takes over a directory of archives made by `tar --listed-incremental`: each becomes a run of the set, with
/// its bytes as they are under a name of ours, and a manifest, a log and a place in the catalogue like any
/// run. The chain then goes on incrementally.
///
/// Nothing in the directory is changed before all runs are durable (and then only with `rename`). Can be
/// stopped at any moment and done again: what is adopted is found by the names that the archives had. Until
/// it is complete ".adopting" keeps backups from putting a run of ours after a part of the archives. Later
/// archives of the same directory can be adopted, too, as long as no run of ours came after.
///
/// What damage or a missing archive takes away is told of each run and stands in its manifest; the rest is
/// adopted. Holds the set's lock. Throws Error: exists (runs of ours are there), what find_archives throws,
/// io.
AdoptResult adopt(const Environment& env, const SetOptions& set, const AdoptRequest& request,
                  Observer& observer);

}  // namespace icecore::engine
