#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/volume_bytes.h"
#include "engine/backup_dir.h"
#include "engine/fetch.h"
#include "engine/remote_plan.h"

namespace icecore::engine {

/// The parts of volumes that a restore needs from a cold target, brought into the directory `.thawed` of the
/// backup directory. A volume there has its full size, holes for what is not wanted, and its seek table, so
/// that it is read like any other. One at a time in a backup directory. Memory: the plan.
class RemoteVolumes {
  public:
    /// Nothing is asked of the target yet. `open_target` as Fetch has it: the set's target, or what stands
    /// for it in a test. The references must outlive it. Throws Error: denied while another process has
    /// opened one.
    RemoteVolumes(const Environment& env, const SetOptions& set, Fetch::OpenTarget open_target,
                  FetchOptions options, Observer& observer);

    /// What a restore needs; costs nothing. A volume that the target is not known to have is told in
    /// `problems`. Throws Error{not_found} if that is so of all of them.
    void want(RemotePlan plan);
    FetchState state() const { return fetch_.state(); }
    /// Fetch::run(). Once nothing more will come, what came is checked frame by frame (damage is told in
    /// `problems`, and downloaded again by the next run), and volumes that came whole and are missing in the
    /// backup directory are put back there.
    FetchState run();
    /// Where the volumes can be read once all is here: there, or where they were put back. Reading what could
    /// not be fetched is Error{not_found}; a volume of which nothing was wanted is Error{not_ready}. Of use
    /// as long as this object.
    archive::VolumeSource source() const;
    /// Forgets and removes what was fetched. After a restore that needs nothing more.
    void remove();

  private:
    static FetchOptions with_directory(const SetOptions& set, FetchOptions options);
    std::string not_offsite(const std::string& volume) const;
    void check_frames(FetchState& state);
    bool goes_back(const WantedVolume& volume) const;
    std::unique_ptr<archive::VolumeBytes> open(const archive::VolumeInfo& volume) const;
    std::vector<ByteRange> missing(const WantedVolume& volume) const;
    void write_seek_table(const WantedVolume& volume) const;
    void put_back(const WantedVolume& volume, FetchState& state);

    const Environment& env_;
    const SetOptions& set_;
    SetLock lock_;
    std::string dir_;
    std::string target_name_;
    std::unique_ptr<catalog::Thaws> thaws_;
    Fetch fetch_;
    RemotePlan plan_;                       ///< of what the target has
    std::vector<std::string> not_offsite_;  ///< names of volumes that are wanted and not there
};

/// Opens the ledger of the set; a damaged one is put aside and made anew, and `observer` is told.
std::unique_ptr<catalog::Thaws> open_thaws(const SetOptions& set, Observer& observer);

}  // namespace icecore::engine
