#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// Something that a verification found.
struct Finding {
    enum class Severity : std::uint8_t {
        problem,  ///< damage: a restore would miss something
        remark,   ///< harmless, but worth knowing
    };
    Severity severity = Severity::problem;
    catalog::RunNumber run = 0;       ///< 0: of no run
    std::string file;                 ///< in the backup directory; empty: none in particular
    std::optional<std::string> path;  ///< in the tree of `run`: the file that is hit ("" is the root)
    std::string message;
    std::string hint;
};

/// "FILE: message", or "run 3: PATH: message" (escaped).
std::string finding_text(const Finding& finding);

struct VerifyRequest {
    /// Picks one of the runs (ascending, not empty); then only what restoring that one needs is checked. Not
    /// set: everything. May throw Error.
    std::function<catalog::RunNumber(const std::vector<catalog::Run>& runs)> choose;
    /// Also expands every archive and compares each member with its manifest.
    bool deep = false;
};

struct VerifyResult {
    std::uint64_t runs = 0;
    std::uint64_t volumes = 0;
    std::uint64_t stored_bytes = 0;  ///< of all volumes that were looked at, as recorded
    std::uint64_t members = 0;       ///< deep: entries compared with the archives
    std::uint64_t problems = 0;
    std::uint64_t remarks = 0;
    double seconds = 0;
};

/// Compares a backup directory with what its manifests say: manifests readable, chains without a gap, volumes
/// complete (size, SHA-256, tree hash, seek table), the catalogue equal to the manifests. `deep` also reads
/// each archive from end to end in step with its manifest. Changes nothing and takes no lock: a run that
/// begins meanwhile is not looked at.
///
/// Damage is reported by `on_finding` as it is found (one call at a time, from any thread) and never stops
/// the rest. Nothing that is read is trusted; memory does not grow with the archives. Volumes, and pieces of
/// archives, are read by several threads. Throws Error if the directory itself cannot be read, or holds no
/// run to choose from.
VerifyResult verify(const Environment& env, const SetOptions& set, const VerifyRequest& request,
                    Observer& observer, const std::function<void(const Finding&)>& on_finding);

}  // namespace icecore::engine
