#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/outbox.h"
#include "engine/backup_dir.h"
#include "engine/fetch.h"
#include "engine/offsite.h"
#include "engine/rebuild.h"
#include "store/target.h"

namespace icecore::engine {

/// What a target has of one set of one machine.
struct OffsiteSet {
    std::string host;
    std::string set;
    std::uint64_t runs = 0;  ///< with a manifest
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::optional<Timestamp> newest;  ///< when its last run began
};

/// A run of which the target has volumes and no manifest: it was lost there, or the run never ended.
struct LostRun {
    catalog::RunNumber run = 0;
    std::uint64_t volumes = 0;
    std::uint64_t bytes = 0;  ///< of these volumes
    bool readable = false;    ///< they can be read without a thaw
    bool last = false;        ///< no later run has a manifest: perhaps it never ended
};

struct RecoverResult {
    RebuildResult rebuilt;
    std::uint64_t runs = 0;
    std::uint64_t volumes = 0;  ///< offsite as they should be
    std::uint64_t bytes = 0;
    std::vector<std::string> not_fetched;  ///< manifests and logs, and why; sorted
    std::uint64_t deleted = 0;  ///< files that somebody deleted there, of which old versions are left
    std::vector<LostRun> lost;  ///< that are not in the catalogue, because their archives are not here
    std::vector<std::string> problems;  ///< what is missing or damaged offsite, by name
};

/// After the loss of everything but the configuration and the credentials: brings manifests and logs of a set
/// from its target into the backup directory, makes the catalogue from them, and learns which volumes are
/// there. Where the target has them at hand, nothing cold is read. A manifest that is lost there, too, is
/// made again from its archive, if the caller wants that to be brought. Step by step, so that a caller can
/// ask before anything costs money. One thread alone; the references must outlive it.
class Recovery {
  public:
    /// `open` gives the set's target, or what stands for it in a test.
    Recovery(const Environment& env, const SetOptions& set, FetchOptions options, Observer& observer,
             OpenTarget open);
    ~Recovery();

    /// Asks the target what it has. Throws Error{not_ready} where that takes hours: to be repeated.
    void list();
    /// What it has of all machines and sets, by name.
    const std::vector<OffsiteSet>& found() const { return found_; }
    std::optional<Timestamp> as_of() const { return as_of_; }
    store::Capabilities abilities() const { return target_->capabilities(); }

    /// Runs of this set that have volumes and no manifest there, and none here.
    const std::vector<LostRun>& lost() const { return lost_; }

    /// What must be fetched that is not here; with `archives` also the volumes of lost() runs, wholly. Throws
    /// Error{not_found} if the target has nothing of this set and machine.
    FetchState plan(bool archives = false);
    /// Fetches it, as Fetch::run().
    FetchState fetch();
    /// Nothing more will come: puts what is here into place and makes the catalogue and the outbox from it.
    /// What could not be fetched is a problem, and tried again by the next recovery. If nothing is missing,
    /// the next run is incremental on the last one.
    RecoverResult finish();

  private:
    void find_lost();
    void want(const std::string& name, const std::vector<store::ObjectInfo>& infos);
    void want_snapshot();
    std::string take_snapshot();
    void learn_digests();
    void take_into_place(const store::ObjectInfo& info, RecoverResult& result);
    void copy_into_place(const std::string& staged, const std::string& name);
    void fill_outbox(RecoverResult& result);
    void note_file(const SealedFile& file, catalog::Outbox& outbox, RecoverResult& result);
    void remember_snapshots(catalog::Outbox& outbox);
    void go_on_with_chain();

    const Environment& env_;
    const SetOptions& set_;
    Observer& observer_;
    std::string dir_;
    std::string host_;
    OpenTarget open_;
    std::unique_ptr<store::Target> target_;
    FetchOptions options_;
    std::optional<SetLock> lock_;
    std::unique_ptr<catalog::Thaws> thaws_;
    std::unique_ptr<Fetch> fetch_;
    std::optional<Timestamp> as_of_;
    std::vector<OffsiteSet> found_;
    /// Of this set: by name; of several of one name all.
    std::map<std::string, std::vector<store::ObjectInfo>> listed_;
    std::vector<store::ObjectInfo> wanted_;
    std::vector<LostRun> lost_;
    std::string snapshot_;  ///< the copy of the catalogue that is wanted; empty: none
};

}  // namespace icecore::engine
