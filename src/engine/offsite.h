#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/outbox.h"
#include "engine/environment.h"
#include "store/target.h"

namespace icecore::engine {

/// How long a target is asked again that does not answer: by a run at night, or for somebody who wants to see
/// whether it is set up right.
enum class Patience : std::uint8_t { minutes, seconds };

/// The set's target, as the config says, with retries and bandwidth limit; nullptr if it has none. Nothing is
/// asked of the target yet: whether it is there turns out at its first call. `observer` is told of retries,
/// on the thread that uses the target; it, `env` and `set` must outlive the target. Throws Error{invalid} for
/// a directory that lies inside the data or backup directory or around them.
std::unique_ptr<store::Target> open_target(const Environment& env, const SetOptions& set, Observer& observer,
                                           Patience patience = Patience::minutes);

/// To be called when files are known to be stored in the target: throws Error{not_found} if it is a directory
/// that has nothing of the set, as a mount point has whose disk is not mounted.
void refuse_emptied(const SetOptions& set, store::Target& target);

/// A file that belongs offsite.
struct SealedFile {
    std::string name;
    std::uint32_t run = 0;
    catalog::OutboxItem::Part part = catalog::OutboxItem::Part::volume;
    bool here = false;             ///< it is in the backup directory
    std::uint64_t size_bytes = 0;  ///< volumes, and what is here
    Digest sha256 = {};            ///< volumes only, from the manifest's trailer
    Digest tree_hash = {};
};

/// Volumes, manifest and log of each of `runs` of which at least one file is in the backup directory. Throws
/// Error if that cannot be read.
std::vector<SealedFile> sealed_files(const SetOptions& set, const std::vector<catalog::Run>& runs);

/// A volume that has just been sealed, as what is to be stored in `target`.
catalog::OutboxItem waiting_volume(const store::Target& target, std::uint32_t run,
                                   const archive::VolumeInfo& volume, const PartDigests& parts);

/// How a set stands offsite.
struct OffsiteStatus {
    std::string target;  ///< its identity
    std::uint64_t stored_files = 0;
    std::uint64_t stored_bytes = 0;
    std::uint64_t waiting_files = 0;  ///< in the backup directory and not known to be stored
    std::uint64_t waiting_bytes = 0;
    std::optional<Timestamp> last_stored;
    /// The newest run that the target alone can give back: its archive, those before it in its chain and
    /// their manifests are stored.
    struct Snapshot {
        catalog::RunNumber run = 0;
        Timestamp started;
    };
    std::optional<Snapshot> newest_snapshot;
    /// What keeping it costs a month, in US dollars at the prices of cost::Prices::built_in(); nullopt where
    /// these say nothing: a directory, another store than Amazon's.
    std::optional<double> monthly_usd;
    std::map<catalog::RunNumber, double> monthly_usd_of;  ///< likewise, of what belongs to a run
    std::string last_error;                               ///< the latest of what waits, or empty
    Timestamp last_error_at;
};

/// What keeping so many bytes of archives at `opened`, the set's target, costs a month, in US dollars at the
/// prices of cost::Prices::built_in(); nullopt where these say nothing, as in OffsiteStatus.
std::optional<double> expected_monthly_usd(const Environment& env, const SetOptions& set,
                                           const store::Target& opened, std::uint64_t archive_bytes);

/// What the outbox knows, without asking the target; nullopt if the set has none. `runs` are the catalogue's.
/// A damaged outbox is told as the last error. Throws Error.
std::optional<OffsiteStatus> read_offsite_status(const Environment& env, const SetOptions& set,
                                                 const std::vector<catalog::Run>& runs);

/// Opens the set's outbox for writing; a damaged one is put aside and made anew, and `observer` is told.
std::unique_ptr<catalog::Outbox> open_outbox(const SetOptions& set, Observer& observer);

/// To be called before volumes of a run that never came to exist are removed: what a target has of them will
/// be removed there, too, by the next upload. Whoever restores by hand from a target would else stumble over
/// half an archive. Does nothing if nothing was ever uploaded; what goes wrong is told to `observer` only.
void discard_uploads(const SetOptions& set, const std::vector<std::string>& names, Observer& observer);

}  // namespace icecore::engine
