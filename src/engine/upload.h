#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/volume.h"
#include "base/error.h"
#include "engine/environment.h"
#include "engine/target_workers.h"
#include "store/target.h"

namespace icecore::engine {

struct UploadResult {
    std::uint64_t files = 0;  ///< stored and confirmed now
    std::uint64_t bytes = 0;
    std::uint64_t stored_files = 0;   ///< known to be offsite, these included
    std::uint64_t waiting_files = 0;  ///< still to be stored
    std::uint64_t waiting_bytes = 0;
    /// What went wrong with which file: missing or damaged here, or refused by the target. Sorted.
    std::vector<std::string> problems;
    /// Why storing ended early: the target is gone, full, not permitted; another upload is going on.
    std::optional<Error> failure;
    double seconds = 0;
    bool complete() const { return problems.empty() && !failure && waiting_files == 0; }
};

/// Stores everything that is not offsite yet: finds sealed files of all known runs that the outbox does not
/// know, and puts what waits, oldest run first, then README.restore.txt. What was stopped goes on at the part
/// where it ended; what the target has already is confirmed, not sent again. A file's failure is reported and
/// the next one tried; a failure of the target itself (gone, full, no permission) ends the upload.
///
/// Must not run twice at a time for a set: takes a lock of its own (`.upload.lock`; Error{denied}), not the
/// set's: a backup may go on meanwhile. Throws Error when nothing could be begun, or when the outbox fails.
/// `more_targets` opens more of the same place, for many locks at a time; without it there is one at a time.
UploadResult upload(const Environment& env, const SetOptions& set, store::Target& target, Observer& observer,
                    OpenTarget more_targets = {});

/// Uploads in a thread of its own while a run packs: what waits from before, then volumes as they are handed
/// over. A target that fails, or another upload that holds the lock, stops uploading, never the run: what is
/// handed over waits in the outbox.
class BackgroundUploader {
  public:
    /// `target` is used by the thread alone until finish() returns. `observer` is told things from that
    /// thread: whoever tells it others meanwhile wraps it (SerialObserver). Everything must outlive this
    /// object. `more_targets` as for upload(). Errors of all kinds are told by finish().
    BackgroundUploader(const Environment& env, const SetOptions& set, store::Target& target,
                       Observer& observer, OpenTarget more_targets = {});
    /// Unfinished: stops the put that is on its way; what is left waits in the outbox.
    ~BackgroundUploader();
    /// A volume has just been sealed. Returns at once. Any thread.
    void add_volume(std::uint32_t run, const archive::VolumeInfo& volume, const PartDigests& parts = {});
    /// The run is in the catalogue: stores what else it sealed, and all that waits, as upload() does; returns
    /// when that is done or has failed. Once only.
    UploadResult finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::engine
