#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "catalog/catalog.h"
#include "engine/data_source.h"
#include "engine/environment.h"

namespace icecore::engine {

/// What became of a run that was stopped.
struct InterruptedRun {
    enum class Outcome : std::uint8_t {
        finished,  ///< its manifest had been sealed: only the rest was missing
        closed,    ///< its sealed volumes were kept, as an archive of its own
        removed,   ///< nothing of it could be used
    };
    Outcome outcome = Outcome::removed;
    catalog::RunNumber run = 0;  ///< not for `removed`
    std::uint64_t volumes = 0;   ///< closed: how many had been sealed
    std::uint64_t files_removed = 0;
};

/// Finishes what a run left that was stopped by a crash, a signal, or an error: nothing, if there is none.
/// The set's lock is held and the catalogue is up to date with the manifests. `root`: the data directory,
/// from which a cut member is completed.
///
/// The archive of an interrupted run is closed (doc/format.md, "Interrupted runs") so that what its sealed
/// volumes hold need not be stored again: the run then exists like any other, with a tree that is part of the
/// way. Stopped itself, it starts again at the next call. Throws Error; then everything is as before or can
/// be gone on from.
std::optional<InterruptedRun> finish_interrupted_run(const Environment& env, const SetOptions& set,
                                                     const DataRoot& root, catalog::Catalog& catalog,
                                                     Observer& observer);

/// Whether a run was stopped and waits to be finished.
bool has_interrupted_run(const std::string& backup_dir);

/// After an error: removes what a run wrote, if it is of no use because not one volume was sealed. Returns
/// whether something useful is left. Throws Error.
bool remove_worthless_run(const Environment& env, const SetOptions& set);

}  // namespace icecore::engine
