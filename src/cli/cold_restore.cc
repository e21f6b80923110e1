#include "cli/cold_restore.h"

#include "base/format.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

std::string plan_text(const engine::FetchState& state, const engine::RemotePlan& plan, store::ThawTier tier) {
    return format("{} of {} must be thawed: {} ({})", counted(state.unasked, "range", "ranges"),
                  counted(plan.volumes, "volume", "volumes"), format_bytes(state.unasked_bytes),
                  tier_text(tier));
}

}  // namespace

std::string_view tier_text(store::ThawTier tier) {
    switch (tier) {
        case store::ThawTier::bulk:
            return "bulk, usually 5 to 12 hours";
        case store::ThawTier::standard:
            return "standard, usually 3 to 5 hours";
        case store::ThawTier::expedited:
            return "expedited, usually 1 to 5 minutes";
    }
    return "";
}

void confirm_cost(Session& session, const std::string& what, bool yes) {
    Io& io = session.io();
    if (yes) {
        session.messages().note(what);
        return;
    }
    if (!io.in_is_terminal || !io.err_is_terminal)
        throw Error(Error::Kind::cancelled, what + "; that costs money, so nothing was asked for",
                    "--yes agrees to it");
    io.err << what << "\nThis costs money. Ask for it? [y/N] ";
    io.err.flush();
    std::string answer;
    std::getline(io.in, answer);
    if (answer != "y" && answer != "Y" && answer != "yes")
        throw Error(Error::Kind::cancelled, "nothing was asked for");
}

store::ThawTier parse_tier(const std::string& text) {
    if (text == "bulk") return store::ThawTier::bulk;
    if (text == "standard") return store::ThawTier::standard;
    if (text == "expedited") return store::ThawTier::expedited;
    throw UsageError(format("--tier cannot be {}", printable(text)), "bulk, standard or expedited");
}

engine::RestoreFrom parse_from(const std::string& text) {
    if (text == "auto") return engine::RestoreFrom::automatic;
    if (text == "local") return engine::RestoreFrom::local;
    if (text == "remote") return engine::RestoreFrom::remote;
    throw UsageError(format("--from cannot be {}", printable(text)), "auto, local or remote");
}

std::unique_ptr<engine::RemoteVolumes> bring_cold_volumes(
    Session& session, const OpenedSet& opened, const engine::Environment& environment,
    const store::Capabilities& capabilities, const ColdOptions& options, engine::RestoreRequest& request,
    TerminalObserver& observer, std::optional<engine::FetchState>& pending) {
    engine::RemotePlan plan = engine::plan_remote(opened.set, *opened.catalog, request.at, request.paths,
                                                  options.from, capabilities, options.tier);
    if (plan.ranges.empty() && options.from != engine::RestoreFrom::remote) return nullptr;
    auto remote = std::make_unique<engine::RemoteVolumes>(
        environment, opened.set, *opened.catalog,
        engine::FetchOptions{.tier = options.tier, .dir = {}, .wait = options.wait}, observer);
    remote->want(plan);
    engine::FetchState state = remote->state();
    if (state.unasked > 0) confirm_cost(session, plan_text(state, plan, options.tier), options.yes);
    state = remote->run();
    observer.finish();
    for (const std::string& problem : state.problems) session.messages().error(problem);
    if (!state.complete()) {
        pending = state;
        return nullptr;
    }
    request.further_sources.push_back(remote->source());
    return remote;
}

}  // namespace icecore::cli
