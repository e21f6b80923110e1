#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "snapshot/kind.h"
#include "snapshot/place.h"

namespace icecore::snapshot {

/// What snapshots need of the world. Must outlive them.
struct World {
    const Clock& clock;
    FileSystem& fs;
    RunProcess run_process;
    double random = 0;       ///< in [0, 1), a new one for each snapshot
    std::string set;         ///< whose they are
    std::string backup_dir;  ///< of the set, where they are noted; its lock is held
};

/// A read-only snapshot of the file system that holds a data directory, and the directory in it, while a
/// backup reads it. What is mounted below the directory, and subvolumes in it, is not in the snapshot.
///
/// It is noted durably before it is made (ledger.h). Destroyed unreleased it is removed all the same; if that
/// fails, or the program is killed, `remove_leftovers` of the next run does it. One thread at a time.
class Snapshot {
  public:
    /// Makes one of the file system that the open directory `data` is on. Throws Error with a hint; then
    /// nothing is left of it.
    Snapshot(World world, const Options& options, int data);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    /// The data directory in the snapshot, open for reading until release().
    int root() const { return root_.get(); }
    /// Not later than any change that the snapshot lacks.
    Timestamp taken_at() const { return taken_at_; }
    const std::string& name() const { return note_.name; }
    const Place& place() const { return place_; }
    /// See Maker.
    std::uint64_t absent_inode() const { return maker_->absent_inode(); }

    /// Throws Error if the snapshot has lost what it held: then what was read is not to be trusted to be all.
    void check() const;
    /// Closes and removes it. Throws Error; the note stays then.
    void release();

  private:
    void note_down();

    World world_;
    std::unique_ptr<Maker> maker_;
    Place place_;
    Note note_;
    Timestamp taken_at_;
    Fd root_;
    bool standing_ = false;
};

/// What became of snapshots that an interrupted run left.
struct Leftovers {
    std::vector<std::string> removed;  ///< names
    std::vector<std::string>
        problems;  ///< for people: what could not be removed, and why; the next run tries again
};

/// Removes what is noted in the ledger. The set's lock is held. Throws Error{corrupt} if the ledger is
/// damaged.
Leftovers remove_leftovers(const World& world);

/// Throws Error, as Snapshot would, if a snapshot of the open directory `data` cannot be made; makes none.
void check_possible(const Options& options, const RunProcess& run_process, int data);

}  // namespace icecore::snapshot
