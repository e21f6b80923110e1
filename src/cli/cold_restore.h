#pragma once

#include <memory>
#include <string>

#include "cli/session.h"
#include "engine/remote_volumes.h"
#include "engine/restore.h"

namespace icecore::cli {

/// What a restore does about a cold target, as its options say.
struct ColdOptions {
    engine::RestoreFrom from = engine::RestoreFrom::automatic;
    store::ThawTier tier = store::ThawTier::bulk;
    bool yes = false;  ///< what costs money was agreed to
    bool wait = false;
};

/// Brings what `request` needs from the set's cold target, asking the user before anything is asked for that
/// costs money, and sets the request's sources. What cannot be had is told, and left to the restore to
/// report. nullptr: nothing is needed, or it is not all here yet, which `pending` tells. The result is to be
/// kept until the restore has ended; `environment`, `opened` and `observer` must outlive it. Throws
/// Error{cancelled} if the user does not agree.
std::unique_ptr<engine::RemoteVolumes> bring_cold_volumes(Session& session, const OpenedSet& opened,
                                                          const engine::Environment& environment,
                                                          store::Target& target, const ColdOptions& options,
                                                          engine::RestoreRequest& request,
                                                          TerminalObserver& observer,
                                                          std::optional<engine::FetchState>& pending);

/// Lets the user agree to what costs money, or takes --yes for it. Throws Error{cancelled} if that is not so.
void confirm_cost(Session& session, const std::string& what, bool yes);

/// Tells what could not be fetched and why, one by one, and in the end what can be done.
void report_not_fetched(Messages& messages, const std::vector<std::string>& problems);

/// "bulk".
std::string_view tier_name(store::ThawTier tier);
/// "bulk, usually 5 to 12 hours".
std::string tier_text(const store::Capabilities& abilities, store::ThawTier tier);
/// Throws UsageError if the target has no such tier.
void require_tier(const store::Capabilities& abilities, store::ThawTier tier);
store::ThawTier parse_tier(const std::string& text);
engine::RestoreFrom parse_from(const std::string& text);

}  // namespace icecore::cli
