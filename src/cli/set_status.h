#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "archive/manifest.h"
#include "base/error.h"
#include "cli/session.h"
#include "engine/disk_space.h"
#include "engine/offsite.h"

namespace icecore::cli {

/// What has not been mailed yet.
struct MailWaiting {
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    unsigned tries = 0;  ///< in vain, since the last mail
    std::string last_error;
    std::optional<Timestamp> last_error_at;
    std::optional<Timestamp> last_sent;
};

/// How a set stands: what `status` prints.
struct SetStatus {
    std::string name;
    std::string data_dir;
    std::string backup_dir;
    std::vector<catalog::Run> runs;                ///< all, ascending
    std::uint64_t backup_dir_bytes = 0;            ///< all files in the backup directory
    bool running = false;                          ///< a process holds the set's lock
    std::string full_reason;                       ///< why the next run will be full, or empty
    std::optional<engine::OffsiteStatus> offsite;  ///< if the set has a target
    std::uint64_t thawing = 0;                     ///< ranges that a cold target was asked for
    std::uint64_t thawed = 0;                      ///< those that wait to be fetched
    std::optional<engine::DiskSpace> space;        ///< of the backup directory, if there is one
    std::optional<MailWaiting> mail;               ///< if the configuration wants mail
    std::vector<std::string> warnings;             ///< what should not be as it is, for people
    /// What could not be looked at; then nothing is known of it, and without `runs_known` of the set.
    std::optional<Error> error;
    bool runs_known = false;

    const catalog::Run* last_run() const { return runs.empty() ? nullptr : &runs.back(); }
    std::uint64_t chains() const;  ///< those that begin with a full run
};

/// Looks at the backup directory and its catalogue; changes nothing unless the catalogue must be rebuilt.
/// What cannot be looked at is the status's error: other sets have theirs. With `max_age_seconds` it is a
/// warning if the last run, or the newest that is offsite, began longer ago.
SetStatus read_set_status(Session& session, const engine::SetOptions& set,
                          std::optional<std::int64_t> max_age_seconds);

/// When the newest run began that is complete offsite with its chain; nullopt also if that cannot be found
/// out.
std::optional<Timestamp> newest_offsite(Session& session, const engine::SetOptions& set);

/// "about 1.02 USD a month (prices of us-east-1, 2026-09-26)".
std::string monthly_cost_text(double usd);

/// "5 hours ago", "3 days ago".
std::string age_text(Timestamp then, Timestamp now);

}  // namespace icecore::cli
