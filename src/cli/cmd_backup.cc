#include <algorithm>

#include "base/format.h"
#include "base/units.h"
#include "cli/announcer.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/upload_report.h"
#include "cli/when.h"
#include "engine/backup.h"
#include "report/run_log.h"

namespace icecore::cli {
namespace {

using engine::BackupRequest;
using engine::BackupResult;
using engine::SetOptions;

void append_result(JsonWriter& writer, const SetOptions& set, const BackupResult& result, bool dry_run) {
    writer.begin_object().field("set", set.name);
    writer.field("status", result.incomplete() ? "incomplete" : "done").field("dry_run", dry_run);
    write_run_fields(writer, result.header, result.trailer);
    writer.field("seconds", result.seconds);
    if (dry_run) {
        writer.key("plan").begin_array();
        for (const std::string& line : result.plan) writer.string(printable(line));
        writer.end_array();
    } else {
        writer.key("log").path(result.log_file).key("upload");
        if (result.upload) {
            writer.begin_object();
            write_upload_fields(writer, *result.upload);
            writer.end_object();
        } else {
            writer.null();
        }
    }
    writer.end_object();
}

void append_failure(JsonWriter& writer, const SetOptions& set, const Error& error, bool dry_run) {
    writer.begin_object().field("set", set.name).field("status", "failed").field("dry_run", dry_run);
    writer.field("error", printable(error.message())).field("hint", printable(error.hint())).end_object();
}

void print_plan(std::ostream& out, const BackupResult& result) {
    for (const std::string& line : result.plan) out << printable(line) << '\n';
    const archive::RunCounts& counts = result.trailer.counts;
    out << format("dry run ({}): {} added, {} changed, {} deleted, {} renamed; at most {} to read\n",
                  kind_name(result.header.kind), format_count(counts.added), format_count(counts.changed),
                  format_count(counts.deleted), format_count(counts.renamed),
                  format_bytes(counts.read_bytes));
}

void add_result(report::RunFacts& facts, const BackupResult& result) {
    facts.result =
        result.incomplete() ? report::RunFacts::Result::incomplete : report::RunFacts::Result::done;
    facts.header = result.header;
    facts.trailer = result.trailer;
    facts.log_file = result.log_file;
    if (result.upload) facts.upload = upload_facts(*result.upload);
}

class BackupCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "backup",
            .summary = "back up what has changed",
            .description =
                "Backs up a set, or all of them in turn: at first everything, later what changed.\n"
                "Files that cannot be read are reported, the rest is backed up (exit status 3).\n"
                "What a run makes is stored offsite, too, where the configuration names a target;\n"
                "if that fails, the run exists all the same (exit status 1).\n"
                "Meant to be run by cron or a systemd timer.",
            .example = "icecore backup --dry-run\nicecore backup --set home --full",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.flag("--full", request_.full, "start a new chain with a full archive");
        arguments.flag("-n,--dry-run", request_.dry_run, "show what would be stored, write nothing");
        arguments.flag("--no-upload", request_.no_upload,
                       "store nothing offsite: leave it to icecore upload");
        arguments.flag("--allow-empty", request_.allow_empty,
                       "accept an empty data directory although the last run had files");
        arguments.value("--min-age", "SPAN", min_age_,
                        "leave out sets whose last run began less than SPAN ago, as in 36h");
    }
    int run(Session& session) override {
        std::vector<const SetOptions*> sets = session.sets();
        bool several = sets.size() > 1;
        std::optional<std::int64_t> min_age_seconds = span_option("--min-age", min_age_);
        std::erase_if(sets, [&](const SetOptions* set) {
            return min_age_seconds && is_recent(session, *set, *min_age_seconds);
        });
        bool as_json = session.options().json;
        JsonOutput json(session.io().out);
        if (as_json) json.writer().begin_object().key("runs").begin_array();
        int status = kDone;
        for (const SetOptions* set : sets) {
            status = worse(status, run_set(session, *set, several, as_json ? &json : nullptr));
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return status;
    }

  private:
    /// A set that cannot be looked at is none: backing it up says why.
    static bool is_recent(Session& session, const SetOptions& set, std::int64_t seconds) {
        try {
            OpenedSet opened = open_set(session, set);
            if (opened.runs.empty()) return false;
            const archive::ManifestHeader& last = opened.runs.back().header;
            if (session.io().clock.now().sec - last.started.sec >= seconds) return false;
            session.messages().note(format("set {}: run {} began {}, which is recent enough", set.name,
                                           last.run, format_local(last.started)));
            return true;
        } catch (const Error&) {
            return false;
        }
    }

    /// One set; its errors end here, so that the next set has its turn.
    int run_set(Session& session, const SetOptions& set, bool several, JsonOutput* json) {
        Announcer announcer(session, set);
        report::RunFacts facts = new_facts(session, set);
        facts.exit_status = back_up(session, set, several, json, announcer, facts);
        if (request_.dry_run) return facts.exit_status;
        facts.finished = session.io().clock.now();
        return announcer.end(facts);
    }

    int back_up(Session& session, const SetOptions& set, bool several, JsonOutput* json, Announcer& announcer,
                report::RunFacts& facts) {
        std::unique_ptr<TerminalObserver> observer = session.observer();
        try {
            if (!request_.dry_run) announcer.begin(facts);
            BackupResult result = engine::run_backup(session.environment(), set, request_, *observer);
            observer->finish();
            add_result(facts, result);
            if (json != nullptr)
                append_result(json->writer(), set, result, request_.dry_run);
            else if (!session.messages().quiet)
                print_result(session, set, several, result);
            if (!result.log_file.empty()) session.messages().detail("log " + result.log_file);
            int status = result.incomplete() ? kIncomplete : kDone;
            if (!result.upload) return status;
            return worse(status, report_upload_problems(session.messages(), *result.upload,
                                                        several ? "set " + set.name : "",
                                                        "`icecore upload` tries again"));
        } catch (Error& error) {
            observer->finish();
            facts.error = error.message();
            facts.hint = error.hint();
            if (json != nullptr) append_failure(json->writer(), set, error, request_.dry_run);
            if (several) error.add_context(format("set {}", set.name));
            session.messages().error(error);
            return kFailed;
        }
    }

    void print_result(Session& session, const SetOptions& set, bool several,
                      const BackupResult& result) const {
        std::ostream& out = session.io().out;
        if (several) out << set.name << ": " << (request_.dry_run ? "\n" : "");
        if (request_.dry_run)
            print_plan(out, result);
        else
            out << report::summary_line(result.header, result.trailer, result.seconds) << '\n';
        if (result.upload && (result.upload->complete() || result.upload->files > 0))
            out << (several ? set.name + ": " : "") << "offsite: " << upload_line(*result.upload) << '\n';
        out.flush();
    }

    BackupRequest request_;
    std::string min_age_;
};

}  // namespace

std::unique_ptr<Command> make_backup_command() {
    return std::make_unique<BackupCommand>();
}

}  // namespace icecore::cli
