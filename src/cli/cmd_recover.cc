#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/cold_restore.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/rebuild_report.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/usage_error.h"
#include "engine/recover.h"

namespace icecore::cli {
namespace {

using engine::FetchState;
using engine::OffsiteSet;
using engine::RecoverResult;
using engine::Recovery;

void print_found(std::ostream& out, const std::vector<OffsiteSet>& found) {
    constexpr auto right = Table::Align::right;
    Table table({{"HOST"}, {"SET"}, {"RUNS", right}, {"FILES", right}, {"BYTES", right}, {"LAST RUN"}});
    for (const OffsiteSet& set : found)
        table.row({set.host, set.set, format_count(set.runs), format_count(set.files),
                   format_bytes(set.bytes), set.newest ? format_local(*set.newest) : ""});
    out << table.text();
}

void write_found(JsonWriter& json, const std::vector<OffsiteSet>& found) {
    json.key("found").begin_array();
    for (const OffsiteSet& set : found) {
        json.begin_object().key("host").path(set.host).key("set").path(set.set).field("runs", set.runs);
        json.field("files", set.files).field("bytes", set.bytes).key("newest");
        set.newest ? json.time(*set.newest) : json.null();
        json.end_object();
    }
    json.end_array();
}

class RecoverCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "recover",
            .summary = "after the loss of everything: learn from the target what is there",
            .description =
                "For a machine that has lost its backup directory, or is a new one: with the\n"
                "configuration and the credentials alone it asks the target what it has, brings\n"
                "manifests and logs back, makes the catalogue from them, and says what is there\n"
                "and what is missing. Then `restore --from remote` works. A vault takes hours to\n"
                "tell what it has and to thaw the manifests, and the latter costs a little: it\n"
                "asks before, and ends with exit status 75 until it is done; the same command\n"
                "goes on. S3 has manifests at hand.",
            .example = "icecore recover --list\nicecore recover --wait --yes",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.flag("--list", list_only_, "only show which machines and sets the target has files of");
        arguments.value("--tier", "TIER", tier_,
                        "how fast a cold store thaws: bulk (default), standard or expedited");
        arguments.flag("--archives", archives_,
                       "bring the archives of runs whose manifests are lost, to make these again");
        arguments.flag("--yes", yes_, "agree to what thawing costs, without being asked");
        arguments.flag("--wait", wait_, "wait until all is here");
    }
    int run(Session& session) override {
        engine::FetchOptions options{.tier = parse_tier(tier_), .dir = {}, .wait = wait_};
        const engine::SetOptions& set = session.set();
        if (set.target.type == engine::TargetOptions::Type::none)
            throw UsageError(format("set {} has no target", set.name),
                             "[set.target] in the configuration names one: see icecore.toml(5)");
        engine::Environment environment = session.environment();
        std::unique_ptr<TerminalObserver> observer = session.observer();
        environment.fs.make_directory(std::string(parent_path(set.backup_dir)),
                                      std::string(base_name(set.backup_dir)));
        auto open = [&](engine::Observer& told) { return engine::open_target(environment, set, told); };
        Recovery recovery(environment, set, options, *observer, open);
        if (!list(session, environment, recovery)) return kPending;
        if (list_only_) return report_list(session, recovery);
        FetchState state = plan(session, recovery, archives_);
        do {  // what expires while it waits costs again
            if (state.unasked > 0) confirm_cost(session, cost_text(recovery, state, options.tier), yes_);
            state = recovery.fetch();
            observer->finish();
        } while (wait_ && state.unasked > 0);
        if (!state.ended()) {
            report_not_fetched(session.messages(), state.problems);
            report_pending(session, state);
            return kPending;
        }
        return report(session, set, recovery.finish());
    }

  private:
    static FetchState plan(Session& session, Recovery& recovery, bool archives) {
        try {
            return recovery.plan(archives);
        } catch (const Error& error) {
            if (error.kind() == Error::Kind::not_found) print_found(session.io().err, recovery.found());
            throw;
        }
    }

    static std::string cost_text(const Recovery& recovery, const FetchState& state, store::ThawTier tier) {
        return format("{} must be thawed: {} ({})", plural(state.requests, "file", "files"),
                      format_bytes(state.unasked_bytes), tier_text(recovery.abilities(), tier));
    }

    /// False: the target takes its time to tell.
    bool list(Session& session, const engine::Environment& environment, Recovery& recovery) const {
        for (bool told = false;; told = true) {
            try {
                recovery.list();
                return true;
            } catch (const Error& error) {
                if (error.kind() != Error::Kind::not_ready) throw;
                if (!told)
                    session.messages().note(error.message() +
                                            (error.hint().empty() ? "" : "; " + error.hint()));
                if (!wait_) {
                    session.messages().note("run the same command again later, or with --wait");
                    return false;
                }
            }
            environment.sleep_ns(session.set().target.poll_seconds * 1'000'000'000);
        }
    }

    static int report_list(Session& session, const Recovery& recovery) {
        if (session.options().json) {
            JsonOutput json(session.io().out);
            json.writer().begin_object();
            write_found(json.writer(), recovery.found());
            json.writer().end_object();
            json.finish();
        } else if (recovery.found().empty()) {
            session.io().out << "the target holds no archive of icecore\n";
        } else {
            print_found(session.io().out, recovery.found());
        }
        return kDone;
    }

    static void report_pending(Session& session, const FetchState& state) {
        if (session.options().json) {
            JsonOutput json(session.io().out);
            json.writer().begin_object().field("pending", true).field("ranges", state.ranges);
            json.writer().field("fetched_ranges", state.fetched).field("bytes", state.bytes);
            json.writer().field("fetched_bytes", state.fetched_bytes).end_object();
            json.finish();
            return;
        }
        session.messages().note(format("{} of {} are here", state.fetched,
                                       plural(state.ranges, "range of files", "ranges of files")));
        session.messages().note("run the same command again later, or with --wait");
    }

    static constexpr char kLostHint[] =
        "`icecore recover --archives` brings its archive and makes the manifest again";

    static std::string lost_text(const engine::LostRun& run) {
        return format("run {} has no manifest offsite; its archive has {} ({}), which {}", run.run,
                      plural(run.volumes, "volume", "volumes"), format_bytes(run.bytes),
                      run.readable ? "can be read at once" : "must be thawed, at a cost");
    }

    static int report(Session& session, const engine::SetOptions& set, const RecoverResult& result) {
        Messages& messages = session.messages();
        for (const engine::RebuiltRun& run : result.rebuilt.left_out)
            messages.error(format("run {} is left out: {}", run.run, run.reason));
        warn_of_superseded(messages, result.rebuilt);
        report_not_fetched(messages, result.not_fetched);
        for (const std::string& problem : result.problems) messages.error(problem);
        bool lost = false;
        for (const engine::LostRun& run : result.lost) {
            lost |= !run.last;
            if (run.last)
                messages.warning(lost_text(run) + "; perhaps it never ended");
            else
                messages.error(lost_text(run), kLostHint);
        }
        if (result.deleted > 0)
            messages.warning(format("{} deleted offsite; old versions are there and will be read",
                                    plural(result.deleted, "file was", "files were")));
        for (const engine::RebuiltRun& run : result.rebuilt.recovered)
            messages.note(format("the manifest of run {} was made again from its archive", run.run));
        bool well =
            result.rebuilt.left_out.empty() && result.not_fetched.empty() && result.problems.empty() && !lost;
        if (session.options().json) {
            JsonOutput json(session.io().out);
            JsonWriter& writer = json.writer();
            writer.begin_object().field("set", set.name).field("pending", false).field("runs", result.runs);
            writer.field("volumes", result.volumes).field("bytes", result.bytes);
            writer.key("left_out").begin_array();
            for (const engine::RebuiltRun& run : result.rebuilt.left_out)
                writer.begin_object()
                    .field("run", run.run)
                    .field("reason", printable(run.reason))
                    .end_object();
            writer.end_array().key("problems").begin_array();
            for (const auto* problems : {&result.not_fetched, &result.problems})
                for (const std::string& problem : *problems) writer.string(printable(problem));
            writer.end_array().field("deleted", result.deleted).key("lost").begin_array();
            for (const engine::LostRun& run : result.lost)
                writer.begin_object()
                    .field("run", run.run)
                    .field("volumes", run.volumes)
                    .field("bytes", run.bytes)
                    .end_object();
            writer.end_array().end_object();
            json.finish();
        } else if (!messages.quiet && result.runs > 0) {
            session.io().out << format("recovered {} of set {}; {} ({}) are offsite as they should be\n",
                                       plural(result.runs, "run", "runs"), set.name,
                                       plural(result.volumes, "volume", "volumes"),
                                       format_bytes(result.bytes))
                             << "\nNext:\n  icecore list\n  icecore restore --from remote --to DIR\n";
        }
        return well ? kDone : kFailed;
    }

    bool list_only_ = false;
    std::string tier_ = "bulk";
    bool archives_ = false;
    bool yes_ = false;
    bool wait_ = false;
};

}  // namespace

std::unique_ptr<Command> make_recover_command() {
    return std::make_unique<RecoverCommand>();
}

}  // namespace icecore::cli
