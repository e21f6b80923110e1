#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "engine/environment.h"
#include "snapshot/snapshot.h"

namespace icecore::engine {

/// The directory that a run reads, and when it stopped changing.
struct DataRoot {
    int fd = -1;                         ///< open; the data directory, or that in a snapshot
    std::optional<Timestamp> frozen_at;  ///< a snapshot's; nullopt: it changes while it is read

    /// Of a file that is examined now: no change after this moment is in what is read, so times near it are
    /// not to be trusted (scan::is_racy).
    Timestamp examined_at(const Clock& clock) const { return frozen_at ? *frozen_at : clock.now(); }
};

/// The data directory of a set as one run reads it: itself or, as the set's options say, a read-only
/// snapshot, under whose cover everything is told as if it were itself. One thread at a time.
class DataSource {
  public:
    /// Opens the directory. Throws Error.
    explicit DataSource(const SetOptions& set);

    /// Makes the set's snapshot, if it wants any; the set's lock is held. Throws Error with a hint.
    void freeze(const Environment& env);

    DataRoot root() const;
    /// What the walk must know: `filters`, and what a snapshot lacks.
    scan::WalkOptions walk_options(const scan::WalkOptions& filters) const;
    /// The device number of the data directory: a snapshot has another one, each time anew.
    std::uint64_t device() const { return device_; }

    /// All has been read. Throws Error if it must not be believed. Returns what is to be told of a snapshot
    /// that could not be removed, or "".
    std::string finish();

  private:
    const SetOptions& set_;
    Fd live_;
    std::uint64_t device_ = 0;
    std::unique_ptr<snapshot::Snapshot> snapshot_;
};

/// Removes snapshots that an interrupted run of the set left. The set's lock is held. Throws Error{corrupt}
/// if it is not known which.
snapshot::Leftovers remove_leftover_snapshots(const Environment& env, const SetOptions& set);

/// Throws Error with a hint if the set's snapshots cannot be made.
void check_snapshots_possible(const Environment& env, const SetOptions& set);

}  // namespace icecore::engine
