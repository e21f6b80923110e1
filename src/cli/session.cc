#include "cli/session.h"

#include "base/format.h"
#include "cli/suggest.h"
#include "cli/usage_error.h"
#include "engine/backup_dir.h"

namespace icecore::cli {

std::string_view program_version() {
    return ICECORE_VERSION;
}

Session::Session(Io& io, const GlobalOptions& options, Messages& messages)
    : io_(io), options_(options), messages_(messages) {}

engine::Environment Session::environment() const {
    return {.clock = io_.clock,
            .fs = io_.fs,
            .host = io_.host,
            .program_version = std::string(program_version()),
            .threads = 0,
            .sleep_ns = io_.sleep_ns,
            .random = io_.random,
            .variable = io_.environment,
            .run_process = io_.run_process};
}

const Config& Session::config() {
    if (config_) return *config_;
    auto path = find_config(io_, options_.config);
    if (!path) {
        std::string places;
        for (const std::string& place : default_config_paths(io_)) {
            places += (places.empty() ? "" : ", ") + place;
        }
        throw UsageError(format("no configuration file (looked for {})", places),
                         "icecore init makes one; --config FILE names another");
    }
    messages_.detail(format("configuration {}", *path));
    config_ = load_config(*path);
    return *config_;
}

const engine::SetOptions& Session::named_set(const std::string& name) {
    std::vector<std::string> names;
    std::string list;
    for (const engine::SetOptions& set : config().sets) {
        if (set.name == name) return set;
        names.push_back(set.name);
        list += (list.empty() ? "the sets are: " : ", ") + set.name;
    }
    throw UsageError(format("no set \"{}\" in {}", name, config().path),
                     did_you_mean(name, names, "\"", list));
}

const engine::SetOptions& Session::set() {
    if (!options_.set.empty()) return named_set(options_.set);
    const std::vector<engine::SetOptions>& all = config().sets;
    if (all.size() == 1) return all.front();
    std::string list;
    for (const engine::SetOptions& set : all) list += (list.empty() ? "" : ", ") + set.name;
    throw UsageError("there are several sets, and this command needs one",
                     format("--set NAME, one of: {}", list));
}

std::vector<const engine::SetOptions*> Session::sets() {
    if (!options_.set.empty()) return {&named_set(options_.set)};
    std::vector<const engine::SetOptions*> all;
    for (const engine::SetOptions& set : config().sets) all.push_back(&set);
    return all;
}

std::unique_ptr<TerminalObserver> Session::observer() {
    bool dumb = io_.environment("TERM").value_or("") == "dumb";
    return std::make_unique<TerminalObserver>(io_.err, io_.clock, io_.width_columns,
                                              io_.err_is_terminal && !messages_.quiet && !dumb, messages_);
}

OpenedSet open_set(Session& session, const engine::SetOptions& set) {
    std::unique_ptr<TerminalObserver> observer = session.observer();
    OpenedSet opened{set, engine::open_catalog(session.environment(), set, *observer), {}};
    observer->finish();
    opened.runs = opened.catalog->runs();
    return opened;
}

}  // namespace icecore::cli
