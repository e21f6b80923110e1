#include "cli/cold_restore.h"

#include "base/format.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/usage_error.h"
#include "engine/offsite.h"
#include "engine/offsite_volumes.h"

namespace icecore::cli {
namespace {

/// What is to be asked for, and what that means.
std::string cost_text(const engine::FetchState& state, const store::Capabilities& abilities,
                      std::size_t volumes, store::ThawTier tier) {
    std::string text;
    if (state.unasked > 0 && !abilities.thaw_needed)
        text = format("{} of {} in {} must be retrieved: {}", format_count(state.unasked),
                      plural(state.ranges, "range", "ranges"), plural(volumes, "volume", "volumes"),
                      format_bytes(state.bytes - state.fetched_bytes));
    else if (state.unasked > 0 && !abilities.thaws_ranges)
        text = format("{} of {} must be thawed: {} ({})", format_count(state.requests),
                      plural(volumes, "volume", "volumes"), format_bytes(state.unasked_bytes),
                      tier_text(abilities, tier));
    else if (state.unasked > 0)
        text = format("{} of {} in {} must be thawed: {} ({})", format_count(state.unasked),
                      plural(state.ranges, "range", "ranges"), plural(volumes, "volume", "volumes"),
                      format_bytes(state.unasked_bytes), tier_text(abilities, tier));
    if (state.slower > 0)
        text += format("{}{} under way can be made faster: {} ({})", text.empty() ? "" : "; ",
                       plural(state.slower, "thaw", "thaws"), format_bytes(state.slower_bytes),
                       tier_text(abilities, tier));
    if (!abilities.thaw_needed) return text;
    return text + format("; {} to download", format_bytes(state.bytes - state.fetched_bytes));
}

}  // namespace

std::string_view tier_name(store::ThawTier tier) {
    switch (tier) {
        case store::ThawTier::bulk:
            return "bulk";
        case store::ThawTier::standard:
            return "standard";
        case store::ThawTier::expedited:
            return "expedited";
    }
    return "";
}

std::string tier_text(const store::Capabilities& abilities, store::ThawTier tier) {
    return format("{}, {}", tier_name(tier), abilities.thaw_times.at(static_cast<std::size_t>(tier)));
}

void require_tier(const store::Capabilities& abilities, store::ThawTier tier) {
    if (!abilities.thaw_needed || !abilities.thaw_times.at(static_cast<std::size_t>(tier)).empty()) return;
    throw UsageError(format("the target's storage class has no {} thaws", tier_name(tier)),
                     "--tier bulk or --tier standard");
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

void report_not_fetched(Messages& messages, const std::vector<std::string>& problems) {
    for (std::size_t i = 0; i < problems.size(); ++i)
        messages.error(problems[i],
                       i + 1 == problems.size() ? "the same command tries again; what came is kept" : "");
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

std::unique_ptr<engine::RemoteVolumes> bring_cold_volumes(Session& session, const OpenedSet& opened,
                                                          const engine::Environment& environment,
                                                          store::Target& target, const ColdOptions& options,
                                                          engine::RestoreRequest& request,
                                                          TerminalObserver& observer,
                                                          std::optional<engine::FetchState>& pending) {
    store::Capabilities abilities = target.capabilities();
    require_tier(abilities, options.tier);
    bool automatic = options.from == engine::RestoreFrom::automatic;
    engine::RemotePlan plan =
        engine::plan_remote(opened.set, *opened.catalog, request.at, request.paths, options.from, abilities,
                            options.tier, engine::content_needed(request));
    std::size_t volumes = plan.volumes.size();
    std::unique_ptr<engine::RemoteVolumes> remote;
    request.local = automatic || volumes == 0;
    if (volumes > 0) {
        auto open = [&](engine::Observer& told) {
            return engine::open_target(environment, opened.set, told);
        };
        remote = std::make_unique<engine::RemoteVolumes>(
            environment, opened.set, open,
            engine::FetchOptions{.tier = options.tier, .dir = {}, .wait = options.wait}, observer);
        remote->want(std::move(plan));
        engine::FetchState state = remote->state();
        do {  // what expires or fails while it waits costs again
            observer.finish();
            if (state.costs())
                confirm_cost(session, cost_text(state, abilities, volumes, options.tier), options.yes);
            state = remote->run();
        } while (options.wait && state.unasked > 0);
        observer.finish();
        report_not_fetched(session.messages(), state.problems);
        if (!state.ended()) {
            pending = state;
            return nullptr;
        }
        request.further_sources.push_back(remote->source());
    }
    if (automatic && !remote) request.further_sources.push_back(engine::frozen_volumes(target.identity()));
    return remote;
}

}  // namespace icecore::cli
