#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"
#include "engine/plan.h"
#include "scan/walker.h"

namespace icecore::engine {

/// Longest path of a directory (bytes, without "./") whose members are named by their own path; below it tar
/// cannot be given names (PATH_MAX is 4,096 and a file name has up to 255 bytes). Deeper directories form
/// deep units.
constexpr std::size_t kDirectPathBytesMax = 3700;

/// What reaches such depths in the archive: symbolic links, each by way of the one before. The kernel follows
/// 40 in a path; file systems have links of 1,023 (XFS) or 4,095 bytes, so that only the deepest units have
/// links that long.
constexpr std::size_t kStationsMax = 38;
constexpr std::size_t kShortStationBytes = 700;

/// Deepest directory (bytes below its unit's root) that bare tar can make.
constexpr std::size_t kDeepPathBytesMax = kDirectPathBytesMax * kStationsMax;

/// Most renames (files and directories) that a run records; what is beyond is stored again.
constexpr std::size_t kRenamesMax = 100'000;

/// Most vanished files that are remembered as possible origins of renamed ones (64 bytes each).
constexpr std::size_t kRenameCandidatesMax = 300'000;

struct PlanInput {
    int root_fd = -1;  ///< the data directory
    const SetOptions& set;
    const catalog::Catalog* catalog = nullptr;  ///< nullptr: nothing is known
    catalog::RunNumber parent = 0;              ///< the run whose tree to compare with; 0 = none
    bool full = false;                          ///< store everything; the comparison is for the log
    scan::WalkOptions walk;                     ///< what is left out
};

/// Receives every directory of the scan, for the snapshot file.
class SnapshotSink {
  public:
    virtual ~SnapshotSink() = default;
    /// Starts (again): what came before is void.
    virtual void begin() = 0;
    virtual void directory(std::string_view path, const FileStat& stat, std::string_view encoded_dumpdir) = 0;
};

/// Walks the data directory, compares it directory by directory with the catalogue, and plans a run: what to
/// store, to check, to link, what moved and what is gone (doc/architecture.md, "Planning"). Reads file
/// content only to confirm that a renamed or linked file is unchanged. Throws Error.
std::unique_ptr<Plan> plan_run(const PlanInput& input, const std::string& spool_dir, SnapshotSink* snapshot,
                               Observer& observer);

}  // namespace icecore::engine
