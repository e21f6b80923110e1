#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/offsite.h"
#include "engine/target_workers.h"
#include "engine/upload.h"

namespace icecore::engine {

/// The work of one upload, step by step, for upload() and BackgroundUploader: what is to be stored goes into
/// the outbox, then file after file from there to the target.
///
/// A failure of the target ends storing; the steps after it still keep the outbox complete. Asked to stop by
/// `stop`, the put that is on its way ends soon, what it has sent is kept where the target can.
/// `more_targets`, of the same place, serve for what is done faster several at a time; without them `target`
/// does all. One thread alone; the references must outlive it. Throws Error only where the outbox, the backup
/// directory or the catalogue fail.
class Uploader {
  public:
    Uploader(const Environment& env, const SetOptions& set, store::Target& target, Observer& observer,
             std::stop_token stop, OpenTarget more_targets);

    /// A volume that has just been sealed is to be stored.
    void add_volume(std::uint32_t run, const archive::VolumeInfo& volume, const PartDigests& parts);
    /// All sealed files of `runs` that the outbox does not know, and README.restore.txt. Those that are not
    /// here are asked for at the target.
    void add_sealed_files(const std::vector<catalog::Run>& runs);
    /// Whether the target's list, which takes hours, must be had before anything is sent: it may have what
    /// the outbox, which was lost, does not know.
    bool must_ask_first() const;
    /// Stores one waiting file. False: there is none, or storing has ended.
    bool store_next();
    /// Stores what waits, locks longer what runs since need longer, removes what was discarded, and tells the
    /// observer how far it is.
    void store_all();
    /// Nothing can be stored, for this reason.
    void fail(const Error& error);

    UploadResult result() const;

  private:
    bool has_stored() const;
    void look_for_what_is_stored();
    void adopt_listed(const std::vector<SealedFile>& files, catalog::Outbox::Names& known);
    void add_small_file(SealedFile file);
    void add_readme();
    void find_offsite(const SealedFile& file);
    void forget_gone(const catalog::Outbox::Names& expected);
    void put(const catalog::OutboxItem& item);
    void store_snapshot();
    void extend_locks();
    void remove_discarded();
    void add_problem(const std::string& name, const Error& error);
    void add_refused(const catalog::OutboxItem& item, const Error& error);
    bool is_sound(const catalog::OutboxItem& item) const;
    void tell(std::uint64_t more_bytes);
    bool locks() const { return set_.target.object_lock.has_value(); }
    bool ended() const { return failure_.has_value() || stop_.stop_requested(); }

    const Environment& env_;
    const SetOptions& set_;
    store::Target& target_;
    OpenTarget more_targets_;
    std::string target_name_;
    Observer& observer_;
    std::stop_token stop_;
    std::unique_ptr<catalog::Outbox> outbox_;
    std::int64_t started_ns_;
    catalog::Outbox::Names failed_;
    bool looked_ = false;  ///< at the target, for what is stored there
    std::optional<Error> failure_;
    std::vector<std::string> problems_;
    /// The problem of a sound file that the target did not take as it is, if no other was taken since.
    std::optional<std::string> refused_;
    /// By run: until when its files must be locked. Empty: the set has no locks.
    std::map<catalog::RunNumber, Timestamp> locks_needed_;
    std::optional<Progress> progress_;  ///< told while everything is stored
    std::uint64_t stored_files_ = 0;
    std::uint64_t stored_bytes_ = 0;
};

}  // namespace icecore::engine
