#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/volume.h"
#include "engine/environment.h"
#include "store/target.h"

namespace icecore::engine {

constexpr std::string_view kOutboxName = "outbox.db";

struct UploadResult {
    std::uint64_t files = 0;  ///< stored and confirmed now
    std::uint64_t bytes = 0;
    std::uint64_t waiting_files = 0;  ///< still to be stored
    std::uint64_t waiting_bytes = 0;
    /// "NAME: what went wrong": files that are missing or damaged here, or that the target refused. Sorted.
    std::vector<std::string> problems;
    double seconds = 0;
    bool complete() const { return problems.empty() && waiting_files == 0; }
};

/// Stores everything that is not offsite yet: finds sealed files of all known runs that the outbox does not
/// know, asks the target for those it may have, and puts the rest, oldest run first. What was stopped goes on
/// at the part where it ended. A file's failure is reported and the next one tried; a failure of the target
/// itself (gone, full, no permission) ends the upload.
///
/// Must not run twice at a time for a set: takes a lock of its own (`.upload.lock`; Error{denied}), not the
/// set's: a backup may go on meanwhile. Throws Error when nothing could be begun.
UploadResult upload(const Environment& env, const SetOptions& set, store::Target& target, Observer& observer);

/// Uploads in a thread of its own while a run packs: volumes are handed over as they are sealed. Created
/// before packing begins; `finish` waits for what is handed over. A target that fails stops uploading, never
/// the run.
class BackgroundUploader {
  public:
    /// `target` is used by the thread alone until finish() returns. Everything must outlive this object.
    BackgroundUploader(const Environment& env, const SetOptions& set, store::Target& target,
                       Observer& observer);
    /// Stops after the part that is on its way; what is left waits in the outbox.
    ~BackgroundUploader();
    /// A volume has just been sealed. Returns at once. Any thread.
    void add_volume(std::uint32_t run, const archive::VolumeInfo& volume);
    /// Waits until everything is stored (or has failed); then also stores what else the run sealed.
    UploadResult finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::engine
