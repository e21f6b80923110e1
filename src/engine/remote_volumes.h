#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/volume_bytes.h"
#include "engine/fetch.h"
#include "engine/remote_plan.h"

namespace icecore::engine {

/// The parts of volumes that a restore needs from a cold target, brought into the directory `.thawed` of the
/// backup directory. A volume there has its full size, holes for what is not wanted, and its seek table, so
/// that it is read like any other.
class RemoteVolumes {
  public:
    /// Nothing is asked of the target yet. The references must outlive it. Throws Error.
    RemoteVolumes(const Environment& env, const SetOptions& set, const catalog::Catalog& catalog,
                  FetchOptions options, Observer& observer);

    /// What a restore needs. Throws Error{not_found} if the target's id of a volume is not known.
    void want(const RemotePlan& plan);
    FetchState state() const { return fetch_.state(); }
    /// Fetch::run(). Once all is here, volumes that came whole and are missing in the backup directory are
    /// put back there.
    FetchState run();
    /// Where the volumes can be read once all is here: there, or where they were put back.
    archive::VolumeSource source() const;
    /// Forgets and removes what was fetched. After a restore that needs nothing more.
    void remove();

  private:
    static FetchOptions with_directory(const SetOptions& set, FetchOptions options);
    void complete_volumes();
    void write_seek_table(const archive::VolumeInfo& volume, catalog::RunNumber run);
    bool put_back(const archive::VolumeInfo& volume);

    const Environment& env_;
    const SetOptions& set_;
    const catalog::Catalog& catalog_;
    Observer& observer_;
    std::string dir_;
    std::string target_name_;
    std::unique_ptr<catalog::Thaws> thaws_;
    Fetch fetch_;
    RemotePlan plan_;
};

/// Opens the ledger of the set; a damaged one is put aside and made anew, and `observer` is told.
std::unique_ptr<catalog::Thaws> open_thaws(const SetOptions& set, Observer& observer);

}  // namespace icecore::engine
