#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/glacier_client.h"
#include "store/target.h"

namespace icecore::store {

/// The jobs of a vault, as the service lists them: who needs one that is under way or done finds it, whoever
/// began it, so that none is paid for twice. One thread at a time; the references must outlive it.
class GlacierJobs {
  public:
    GlacierJobs(cloud::GlacierClient& client, const std::string& vault, const Clock& clock);

    /// Finds or begins the job that makes a range readable.
    ThawState request(const ThawRequest& request, const std::string& description);
    /// Error-free also for a job that the service no longer knows: that is `failed`. Without a ticket, as
    /// when the reply to the request was lost, the job is looked for; one that was never begun is `failed`,
    /// too.
    ThawState poll(const AskedThaw& thaw);

    /// A job whose output holds the range: the one of its ticket, else any. Throws Error{not_ready} if there
    /// is none that is done, Error{corrupt} if the range reaches beyond the archive, Error{not_found} if the
    /// archive is not there as far as one can know.
    cloud::GlacierJob readable(const ObjectRange& range);
    /// Whether all of the archive can be read.
    bool find_whole(const std::string& archive_id, std::uint64_t size_bytes);

    /// Finds or begins the job that makes all of an archive readable, whatever its size; one that has failed
    /// is begun again. `begun` tells which.
    cloud::GlacierJob retrieve(const std::string& archive_id, ThawTier tier, const std::string& description,
                               bool& begun);

    /// The job whose output is the vault's inventory, whole and in JSON: a done one, if it was done no longer
    /// than `age_seconds_max` ago, else one under way, else a new one, which `begun` tells. nullopt for a
    /// vault that never had an inventory.
    std::optional<cloud::GlacierJob> inventory_job(std::optional<std::int64_t> age_seconds_max, bool& begun);
    /// The same of any age; throws Error{not_ready} until it is done.
    std::optional<cloud::GlacierJob> inventory();

    /// What is known of jobs is out of date.
    void forget() { jobs_.reset(); }

  private:
    const std::vector<cloud::GlacierJob>& jobs();
    const cloud::GlacierJob* find(const std::string& archive_id, std::uint64_t offset, std::uint64_t end,
                                  bool done_only);
    ThawState state_of(const cloud::GlacierJob& job) const;
    cloud::GlacierJob begin(const cloud::GlacierArchiveJob& wanted);

    cloud::GlacierClient& client_;
    const std::string& vault_;
    const Clock& clock_;
    std::optional<std::vector<cloud::GlacierJob>> jobs_;  ///< as listed last, and what was begun since
};

}  // namespace icecore::store
