#include <algorithm>

#include "base/format.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/set_status.h"
#include "cli/when.h"

namespace icecore::cli {
namespace {

void append_item(std::string& out, std::string_view label, std::string_view text) {
    out += format("  {:<10}{}\n", label, text);
}

void append_offsite(std::string& out, const engine::OffsiteStatus& offsite, Timestamp now) {
    append_item(out, "offsite", shown_path(offsite.target));
    append_item(out, "",
                format("{} ({}) stored{}", plural(offsite.stored_files, "file", "files"),
                       format_bytes(offsite.stored_bytes),
                       offsite.last_stored ? ", the last " + age_text(*offsite.last_stored, now) : ""));
    if (const auto& snapshot = offsite.newest_snapshot)
        append_item(out, "",
                    format("run {} of {} and its chain are complete there", snapshot->run,
                           format_local(snapshot->started)));
    if (offsite.monthly_usd) append_item(out, "", "costs " + monthly_cost_text(*offsite.monthly_usd));
    if (offsite.waiting_files > 0) {
        append_item(
            out, "",
            format("{} ({}) not yet: see icecore upload", plural(offsite.waiting_files, "file", "files"),
                   format_bytes(offsite.waiting_bytes)));
    }
}

void append_offsite_json(JsonWriter& writer, const engine::OffsiteStatus& offsite) {
    writer.begin_object().key("target").path(offsite.target);
    writer.field("stored_files", offsite.stored_files).field("stored_bytes", offsite.stored_bytes);
    writer.field("waiting_files", offsite.waiting_files).field("waiting_bytes", offsite.waiting_bytes);
    writer.key("last_stored");
    if (offsite.last_stored)
        writer.time(*offsite.last_stored);
    else
        writer.null();
    writer.key("newest_snapshot");
    if (offsite.newest_snapshot)
        writer.number(std::uint64_t{offsite.newest_snapshot->run});
    else
        writer.null();
    writer.key("monthly_usd");
    if (offsite.monthly_usd)
        writer.number(*offsite.monthly_usd);
    else
        writer.null();
    writer.field("last_error", printable(offsite.last_error)).key("last_error_at");
    if (offsite.last_error.empty())
        writer.null();
    else
        writer.time(offsite.last_error_at);
    writer.end_object();
}

std::string mail_text(const MailWaiting& mail, Timestamp now) {
    std::string text = mail.last_sent ? "the last " + age_text(*mail.last_sent, now) : "none sent yet";
    if (mail.runs > 0) text += format("; {} not told of yet", plural(mail.runs, "run", "runs"));
    if (mail.failures > 0) text += format("; {} to be told", plural(mail.failures, "failure", "failures"));
    return text;
}

void append_mail_json(JsonWriter& writer, const MailWaiting& mail) {
    auto time = [&](std::string_view key, const std::optional<Timestamp>& value) {
        writer.key(key);
        if (value)
            writer.time(*value);
        else
            writer.null();
    };
    writer.begin_object().field("waiting_runs", mail.runs).field("waiting_failures", mail.failures);
    writer.field("tries", mail.tries).field("last_error", printable(mail.last_error));
    time("last_error_at", mail.last_error_at);
    time("last_sent", mail.last_sent);
    writer.end_object();
}

std::string status_text(const SetStatus& status, Timestamp now) {
    std::string out =
        format("{}: {} -> {}\n", status.name, shown_path(status.data_dir), shown_path(status.backup_dir));
    if (status.error) append_item(out, "error", printable(status.error->message()));
    if (!status.runs_known) return out;
    if (const catalog::Run* last = status.last_run()) {
        const archive::ManifestHeader& header = last->header;
        const archive::RunCounts& counts = last->trailer.counts;
        append_item(out, "last run",
                    format("run {} ({}) of {}, {}", header.run, kind_name(header.kind),
                           format_local(header.started), age_text(header.started, now)));
        append_item(
            out, "tree",
            format("{} in {}, {}", plural(counts.files, "file", "files"),
                   plural(counts.directories, "directory", "directories"), format_bytes(counts.tree_bytes)));
    } else {
        append_item(out, "last run", "none yet");
    }
    append_item(out, "runs",
                format("{} in {}", plural(status.runs.size(), "run", "runs"),
                       plural(status.chains(), "chain", "chains")));
    std::string space = status.space ? format(", {} free", format_bytes(status.space->free_bytes)) : "";
    append_item(out, "backup",
                format("{} in the backup directory{}", format_bytes(status.backup_dir_bytes), space));
    if (status.offsite) append_offsite(out, *status.offsite, now);
    if (status.thawing + status.thawed > 0)
        append_item(out, "jobs",
                    format("{} thawing, {} ready: see icecore jobs", status.thawing, status.thawed));
    if (status.mail) append_item(out, "mail", mail_text(*status.mail, now));
    append_item(out, "next run", status.full_reason.empty() ? "incremental" : "full: " + status.full_reason);
    append_item(out, "running", status.running ? "yes: the set is locked" : "no");
    for (const std::string& warning : status.warnings) append_item(out, "warning", printable(warning));
    return out;
}

/// One line for a monitoring system.
std::string check_line(const SetStatus& status, Timestamp now) {
    std::vector<std::string> wrong = status.warnings;
    if (status.error) wrong.insert(wrong.begin(), status.error->message());
    if (!wrong.empty()) {
        std::string line = format("{}: {}: ", status.name, status.error ? "ERROR" : "WARNING");
        for (const std::string& one : wrong) line += (&one == &wrong.front() ? "" : "; ") + printable(one);
        return line + '\n';
    }
    std::string offsite;
    if (status.offsite && status.offsite->newest_snapshot)
        offsite = format(", run {} is offsite", status.offsite->newest_snapshot->run);
    return format("{}: ok: run {} began {}{}\n", status.name, status.last_run()->number(),
                  age_text(status.last_run()->header.started, now), offsite);
}

/// What is known of a set that could be looked at.
void append_facts_json(JsonWriter& writer, const SetStatus& status, Timestamp now) {
    writer.field("runs", status.runs.size()).field("chains", status.chains());
    writer.field("backup_dir_bytes", status.backup_dir_bytes).field("running", status.running);
    writer.field("next_kind", status.full_reason.empty() ? "incremental" : "full");
    writer.field("next_full_reason", status.full_reason).key("last_run");
    if (const catalog::Run* last = status.last_run()) {
        writer.begin_object();
        write_run_fields(writer, last->header, last->trailer);
        writer.field("age_seconds", now.sec - last->header.started.sec).end_object();
    } else {
        writer.null();
    }
    writer.key("offsite");
    if (status.offsite)
        append_offsite_json(writer, *status.offsite);
    else
        writer.null();
    writer.field("thawing", status.thawing).field("thawed", status.thawed).key("free_bytes");
    if (status.space)
        writer.number(status.space->free_bytes);
    else
        writer.null();
    writer.key("mail");
    if (status.mail)
        append_mail_json(writer, *status.mail);
    else
        writer.null();
    writer.key("warnings").begin_array();
    for (const std::string& warning : status.warnings) writer.string(printable(warning));
    writer.end_array();
}

void append_json(JsonWriter& writer, const SetStatus& status, Timestamp now) {
    writer.begin_object().field("set", status.name).key("data").path(status.data_dir);
    writer.key("backup").path(status.backup_dir);
    writer.field("error", status.error ? printable(status.error->message()) : "");
    writer.field("hint", status.error ? printable(status.error->hint()) : "");
    if (status.runs_known) append_facts_json(writer, status, now);
    writer.end_object();
}

class StatusCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "status",
            .summary = "show how the sets stand",
            .description =
                "Shows for each set when it was last backed up, how large it is, what is stored\n"
                "offsite, whether the next run is full or incremental, whether one is running,\n"
                "and what is not as it should be. --check is for monitoring: one line a set, and\n"
                "exit status 1 if anything is wrong with one of them. It is 1 as well, whatever\n"
                "is asked for, if one of them cannot be looked at.",
            .example =
                "icecore status\nicecore status --check --max-age 36h\n"
                "icecore status --json | jq '.sets[].last_run.age_seconds'",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.flag("--check", check_, "one line a set; exit status 1 if there is a warning");
        arguments.value("--max-age", "SPAN", max_age_,
                        "warn if the last run, or the newest offsite, began longer ago (with "
                        "--check 36h, else never)");
    }
    int run(Session& session) override {
        std::optional<std::int64_t> max_age_seconds = parse_max_age();
        bool any_warning = false, any_error = false;
        std::ostream& out = session.io().out;
        Timestamp now = session.io().clock.now();
        JsonOutput json(out);
        bool as_json = session.options().json, first = true;
        if (as_json) json.writer().begin_object().key("sets").begin_array();
        for (const engine::SetOptions* set : session.sets()) {
            SetStatus status = read_set_status(session, *set, max_age_seconds);
            any_warning |= !status.warnings.empty();
            any_error |= status.error.has_value();
            if (status.error && !check_)
                session.messages().error(format("set {}: {}", status.name, status.error->message()),
                                         status.error->hint());
            if (as_json)
                append_json(json.writer(), status, now);
            else if (check_)
                out << check_line(status, now);
            else
                out << (first ? "" : "\n") << status_text(status, now);
            first = false;
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return any_error || (check_ && any_warning) ? kFailed : kDone;
    }

  private:
    std::optional<std::int64_t> parse_max_age() const {
        constexpr std::int64_t kDefaultSeconds = 36 * 3600;
        std::optional<std::int64_t> seconds = span_option("--max-age", max_age_);
        return !seconds && check_ ? kDefaultSeconds : seconds;
    }

    bool check_ = false;
    std::string max_age_;
};

}  // namespace

std::unique_ptr<Command> make_status_command() {
    return std::make_unique<StatusCommand>();
}

}  // namespace icecore::cli
