#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/cold_restore.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/usage_error.h"
#include "cli/when.h"
#include "engine/backup_dir.h"
#include "engine/offsite.h"
#include "engine/offsite_volumes.h"
#include "engine/restore.h"

namespace icecore::cli {
namespace {

using engine::RestoreRequest;
using engine::RestoreResult;

void append_strings(JsonWriter& writer, std::string_view key, const std::vector<std::string>& texts) {
    writer.key(key).begin_array();
    for (const std::string& text : texts) writer.string(printable(text));
    writer.end_array();
}

void print_json(std::ostream& out, const std::string& set, const RestoreRequest& request,
                const RestoreResult& result) {
    JsonOutput json(out);
    JsonWriter& writer = json.writer();
    writer.begin_object().field("set", set).field("run", request.at).key("to").path(request.to);
    writer.key("paths").begin_array();
    for (const std::string& path : request.paths) writer.path(path);
    writer.end_array();
    writer.field("files", result.counts.files).field("directories", result.directories);
    writer.field("unchanged", result.counts.unchanged).field("kept", result.counts.kept);
    writer.field("deleted", result.removed);
    writer.field("bytes", result.counts.bytes).field("stored_bytes_read", result.stored_bytes_read);
    writer.key("problems").begin_array();
    result.problems.for_each([&](std::string_view path, std::string_view what) {
        writer.begin_object().key("path").path(path).field("message", printable(what)).end_object();
    });
    writer.end_array();
    append_strings(writer, "not_permitted", result.not_permitted);
    append_strings(writer, "remarks", result.remarks);
    writer.end_object();
    json.finish();
}

engine::Overwrite parse_overwrite(const std::string& text) {
    if (text == "never") return engine::Overwrite::never;
    if (text == "older") return engine::Overwrite::older;
    if (text == "always") return engine::Overwrite::always;
    throw UsageError(format("--overwrite cannot be {}", printable(text)), "never, older or always");
}

/// Of many files lost for one reason only the first are named.
void report_problems(Messages& messages, const engine::RestoreProblems& problems) {
    for (const engine::RestoreProblems::Group& group : problems.groups()) {
        for (const std::string& path : group.paths)
            messages.error(format("not restored: {}: {}", shown_path(path), group.what));
        if (group.count > group.paths.size())
            messages.error(format("not restored: {} more: {} (--json lists all)",
                                  format_count(group.count - group.paths.size()), group.what));
    }
}

class RestoreCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "restore",
            .summary = "restore files from the archives, here or offsite",
            .description =
                "Restores files and directories as they were at a run, each at its place below\n"
                "DIR. Every file is checked before it is put in place. What exists is not\n"
                "replaced, but reported, with exit status 3, unless --overwrite says otherwise.\n"
                "A restore that was interrupted can be repeated. What is not here is read from\n"
                "the target. A cold store thaws for hours and for money: icecore says how much\n"
                "and asks first. It ends with status 75 then; the same command goes on.",
            .example =
                "icecore restore --at 3d --to /tmp/back projects/thesis\n"
                "icecore restore --from remote --tier bulk --wait --to /srv/data",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--to", "DIR", to_, "where to, made if missing (required)");
        arguments.value("--at", "WHEN", when_,
                        "a run number, a date or time, latest (default), or a span such as 3d");
        arguments.value("--overwrite", "WHAT", overwrite_,
                        "what may be replaced: never (default), older or always");
        arguments.flag("--delete", mirror_,
                       "remove what restored directories have that the run does not have");
        arguments.value("--from", "WHERE", from_,
                        "auto (default): the target for what is not here; local; or remote");
        arguments.value("--tier", "TIER", tier_,
                        "how fast a cold store thaws: bulk (default), standard or expedited");
        arguments.flag("--yes", cold_.yes, "agree to what thawing costs, without being asked");
        arguments.flag("--wait", cold_.wait, "wait until all is thawed");
        arguments.words("PATH", paths_, "relative to the data directory, or absolute inside it");
    }
    int run(Session& session) override {
        if (to_.empty()) {
            throw UsageError("restore needs to know where to",
                             "--to DIR, a directory that is made if missing");
        }
        cold_.from = parse_from(from_);
        cold_.tier = parse_tier(tier_);
        const engine::SetOptions& set = session.set();
        RestoreRequest request = make_request(set, session.io());
        OpenedSet opened = open_set(session, set);
        const catalog::Run& run = resolve_when(when_, opened.runs, session.io().clock.now());
        request.at = run.number();
        if (run.header.interrupted)
            session.messages().warning(
                format("run {} was interrupted: it holds a part of the tree", request.at));
        refuse_backups(session.config(), request);
        if (request.mirror) require_directory(*opened.catalog, request);
        engine::Environment environment = session.environment();
        std::unique_ptr<TerminalObserver> observer = session.observer();
        std::optional<engine::FetchState> pending;
        std::unique_ptr<engine::RemoteVolumes> cold =
            add_remote_sources(session, opened, environment, request, *observer, pending);
        if (pending) return report_pending(session, set.name, request, *pending);
        RestoreResult result = engine::restore(environment, set, *opened.catalog, request, *observer);
        observer->finish();
        if (cold && result.problems.empty()) cold->remove();
        report(session, set.name, request, result);
        return result.problems.empty() ? kDone : kIncomplete;
    }

  private:
    RestoreRequest make_request(const engine::SetOptions& set, const Io& io) const {
        RestoreRequest request;
        request.to = absolute_path(to_, io.cwd);
        for (const std::string& path : paths_) request.paths.push_back(data_path(path, set.data_dir));
        bool everything = std::find(request.paths.begin(), request.paths.end(), "") != request.paths.end();
        if (everything) request.paths.clear();
        request.overwrite = parse_overwrite(overwrite_);
        request.mirror = mirror_;
        if (mirror_ && request.overwrite == engine::Overwrite::never)
            throw UsageError("--delete needs --overwrite older or --overwrite always");
        return request;
    }

    /// A restore must not write among archives, and what is not in the run must not be deleted where they
    /// are.
    static void refuse_backups(const Config& config, const RestoreRequest& request) {
        std::string to = engine::resolved(request.to);
        auto refuse = [&](const std::string& kept, std::string_view what) {
            std::string path = engine::resolved(kept);
            bool among = is_below(to, path);
            if (!among && !(request.mirror && (is_below(path, to) || to == "/"))) return;
            throw UsageError(among ? format("{} is {}, {}: nothing is restored there", request.to, what, kept)
                                   : format("--delete would delete {}, {}", what, kept),
                             "restore to another directory, and move what you need from there");
        };
        for (const engine::SetOptions& set : config.sets) {
            refuse(set.backup_dir, "the backup directory");
            if (!set.target.directory.empty()) refuse(set.target.directory, "the target of backups");
        }
        if (request.mirror) refuse(config.path, "the configuration");
    }

    std::unique_ptr<engine::RemoteVolumes> add_remote_sources(
        Session& session, const OpenedSet& opened, const engine::Environment& environment,
        RestoreRequest& request, TerminalObserver& observer,
        std::optional<engine::FetchState>& pending) const {
        using engine::RestoreFrom;
        if (cold_.from == RestoreFrom::local) return nullptr;
        std::unique_ptr<store::Target> target = engine::open_target(environment, opened.set, observer);
        if (target == nullptr && cold_.from == RestoreFrom::remote)
            throw UsageError(format("set {} has no target", opened.set.name),
                             "[set.target] in the configuration names one: see icecore.toml(5)");
        if (target == nullptr) return nullptr;
        if (target->capabilities().thaw_needed || target->capabilities().reading_costs)
            return bring_cold_volumes(session, opened, environment, *target, cold_, request, observer,
                                      pending);
        request.local = cold_.from != RestoreFrom::remote;
        request.further_sources.push_back(*engine::offsite_volumes(environment, opened.set, observer));
        return nullptr;
    }

    static int report_pending(Session& session, const std::string& set, const RestoreRequest& request,
                              const engine::FetchState& state) {
        if (session.options().json) {
            JsonOutput json(session.io().out);
            JsonWriter& writer = json.writer();
            writer.begin_object().field("set", set).field("run", request.at).field("pending", true);
            writer.field("ranges", state.ranges).field("fetched_ranges", state.fetched);
            writer.field("unasked_ranges", state.unasked).field("failed_ranges", state.failed);
            writer.field("bytes", state.bytes).field("fetched_bytes", state.fetched_bytes);
            writer.key("asked");
            state.asked_at ? writer.time(*state.asked_at) : writer.null();
            writer.end_object();
            json.finish();
            return kPending;
        }
        Messages& messages = session.messages();
        messages.note(format("{} of {} are here ({} of {}); nothing is restored yet",
                             format_count(state.fetched), plural(state.ranges, "range", "ranges"),
                             format_bytes(state.fetched_bytes), format_bytes(state.bytes)));
        if (state.unasked > 0)
            messages.note(
                format("{} can no longer be read, or could not be thawed, and must be asked for again",
                       plural(state.unasked, "range", "ranges")));
        messages.note("run the same command again later, or with --wait");
        return kPending;
    }

    static void require_directory(const catalog::Catalog& catalog, const RestoreRequest& request) {
        auto is_file = [&](const std::string& path) {
            std::optional<catalog::Entry> entry = catalog.lookup(request.at, path);
            return entry && entry->stat.type != FileType::directory;
        };
        if (!request.paths.empty() && std::all_of(request.paths.begin(), request.paths.end(), is_file))
            throw UsageError("--delete works on directories, and only files are to be restored",
                             "name a directory, or leave --delete out");
    }

    static void report(Session& session, const std::string& set, const RestoreRequest& request,
                       const RestoreResult& result) {
        Messages& messages = session.messages();
        report_problems(messages, result.problems);
        for (const std::string& remark : result.remarks) messages.warning(remark);
        for (const std::string& what : result.not_permitted) {
            messages.warning(format("not permitted to restore: {}", what));
        }
        if (session.options().json) {
            print_json(session.io().out, set, request, result);
        } else if (!messages.quiet) {
            print_summary(session.io().out, request, result);
        }
    }

    static void print_summary(std::ostream& out, const RestoreRequest& request, const RestoreResult& result) {
        const engine::RestoreCounts& counts = result.counts;
        out << format("restored {} and {} ({}) of run {} to {}\n", plural(counts.files, "file", "files"),
                      plural(result.directories, "directory", "directories"), format_bytes(counts.bytes),
                      request.at, shown_path(request.to));
        if (counts.unchanged > 0)
            out << format("{} there already\n", plural(counts.unchanged, "file was", "files were"));
        if (counts.kept > 0)
            out << format("{} there and left\n", plural(counts.kept, "newer file was", "newer files were"));
        if (result.removed > 0)
            out << format("{} not in the run and deleted\n",
                          plural(result.removed, "name was", "names were"));
    }

    std::string to_;
    std::string when_;
    std::string overwrite_ = "never";
    std::string from_ = "auto";
    std::string tier_ = "bulk";
    ColdOptions cold_;
    bool mirror_ = false;
    std::vector<std::string> paths_;
};

}  // namespace

std::unique_ptr<Command> make_restore_command() {
    return std::make_unique<RestoreCommand>();
}

}  // namespace icecore::cli
