#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "catalog/catalog.h"
#include "engine/environment.h"
#include "report/run_log.h"

namespace icecore::engine {

/// A sealed volume, and how its frames lie in it if it has any.
struct RecordedVolume {
    archive::VolumeInfo info;
    std::vector<archive::FrameSize> frames;
};

struct ArchiveRecordOptions {
    report::RunLog* log = nullptr;
    /// Inode numbers of directories (by path), as far as they are known; 0: not.
    std::function<std::uint64_t(const std::string& path)> inode_of = {};
    /// Names of earlier runs of the chain that were listed and never stored: sockets, unreadable files. They
    /// are no news. Those of this run are added.
    std::set<std::string>* never_stored = nullptr;
    Observer* observer = nullptr;
};

struct ArchiveRecordResult {
    archive::ManifestTrailer trailer;
    std::uint64_t entries = 0;
    /// Names that the archive leaves out as unchanged, and that no archive before it holds: one is missing.
    std::uint64_t lost = 0;
    std::uint64_t not_stored = 0;       ///< names that it says to hold and does not
    std::uint64_t outside = 0;          ///< members that are not below its root: left out
    std::string failed_rename;          ///< at which tar gives up; empty: none
    std::vector<std::string> examples;  ///< of lost and not_stored names, some
};

/// Records a run from its archive alone: manifest, catalogue and log get what tar's extractor makes of it.
/// Renames come from the root's dumpdir, deletions from comparing every listing with the tree so far, and an
/// entry from each member, hashed as it is read. What no archive holds is not known: inode numbers and
/// ctimes, so the next run reads all files, and stores none that is the same.
///
/// `header`: complete; its parent is the last run in `catalog`. If it is `adopted`, the archive may be
/// anybody's: then names are taken below its root, damage that the header tells of ends it, and whatever tar
/// would complain about and pass over is recorded as it turns out on disk. Of our own, all must be right.
///
/// Throws Error: not_found (a volume is missing), corrupt (one is damaged), unsupported (deep units: their
/// members' names are not those of the tree); then nothing is changed.
ArchiveRecordResult record_archive(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
                                   const archive::ManifestHeader& header,
                                   const std::vector<RecordedVolume>& volumes,
                                   const ArchiveRecordOptions& options);

}  // namespace icecore::engine
