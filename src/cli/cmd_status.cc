#include <algorithm>

#include "base/format.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/set_status.h"

namespace icecore::cli {
namespace {

std::string age_text(Timestamp then, Timestamp now) {
    constexpr std::int64_t kDaySeconds = 86400;
    if (now < then) return "in the future: is the clock right?";
    std::int64_t seconds = now.sec - then.sec;
    if (seconds >= 2 * kDaySeconds) return format("{} days ago", seconds / kDaySeconds);
    return format_duration(static_cast<double>(seconds)) + " ago";
}

void append_item(std::string& out, std::string_view label, std::string_view text) {
    out += format("  {:<10}{}\n", label, text);
}

void append_offsite(std::string& out, const engine::OffsiteStatus& offsite, Timestamp now) {
    append_item(out, "offsite", shown_path(offsite.target));
    append_item(out, "",
                format("{} ({}) stored{}", plural(offsite.stored_files, "file", "files"),
                       format_bytes(offsite.stored_bytes),
                       offsite.last_stored ? ", the last " + age_text(*offsite.last_stored, now) : ""));
    if (offsite.waiting_files > 0) {
        append_item(
            out, "",
            format("{} ({}) not yet: see icecore upload", plural(offsite.waiting_files, "file", "files"),
                   format_bytes(offsite.waiting_bytes)));
    }
    if (!offsite.last_error.empty()) {
        append_item(out, "",
                    format("last error, {}: {}", age_text(offsite.last_error_at, now),
                           printable(offsite.last_error)));
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
    writer.field("last_error", printable(offsite.last_error)).key("last_error_at");
    if (offsite.last_error.empty())
        writer.null();
    else
        writer.time(offsite.last_error_at);
    writer.end_object();
}

std::string status_text(const SetStatus& status, Timestamp now) {
    std::string out =
        format("{}: {} -> {}\n", status.name, shown_path(status.data_dir), shown_path(status.backup_dir));
    if (status.last_run) {
        const archive::ManifestHeader& header = status.last_run->header;
        const archive::RunCounts& counts = status.last_run->trailer.counts;
        append_item(out, "last run",
                    format("run {} ({}) of {}, {}", header.run, kind_name(header.kind),
                           format_local(header.started), age_text(header.started, now)));
        if (counts.errors > 0) {
            append_item(out, "",
                        format("{} in it: see icecore log {}", counted(counts.errors, "error", "errors"),
                               header.run));
        }
        append_item(
            out, "tree",
            format("{} in {}, {}", counted(counts.files, "file", "files"),
                   counted(counts.directories, "directory", "directories"), format_bytes(counts.tree_bytes)));
    } else {
        append_item(out, "last run", "none yet");
    }
    append_item(
        out, "runs",
        format("{} in {}", counted(status.runs, "run", "runs"), counted(status.chains, "chain", "chains")));
    append_item(out, "backup", format("{} in the backup directory", format_bytes(status.backup_dir_bytes)));
    if (status.offsite) append_offsite(out, *status.offsite, now);
    append_item(out, "next run", status.full_reason.empty() ? "incremental" : "full: " + status.full_reason);
    append_item(out, "running", status.running ? "yes: the set is locked" : "no");
    return out;
}

void append_json(JsonWriter& writer, const SetStatus& status, Timestamp now) {
    writer.begin_object().field("set", status.name).key("data").path(status.data_dir);
    writer.key("backup").path(status.backup_dir);
    writer.field("runs", status.runs).field("chains", status.chains);
    writer.field("backup_dir_bytes", status.backup_dir_bytes).field("running", status.running);
    writer.field("next_kind", status.full_reason.empty() ? "incremental" : "full");
    writer.field("next_full_reason", status.full_reason).key("last_run");
    if (status.last_run) {
        writer.begin_object();
        write_run_fields(writer, status.last_run->header, status.last_run->trailer);
        writer.field("age_seconds", now.sec - status.last_run->header.started.sec).end_object();
    } else {
        writer.null();
    }
    writer.key("offsite");
    if (status.offsite)
        append_offsite_json(writer, *status.offsite);
    else
        writer.null();
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
                "offsite, whether the next run is full or incremental, and whether one is running\n"
                "now.",
            .example = "icecore status\nicecore status --json | jq '.sets[].last_run.age_seconds'",
        };
        return kTexts;
    }
    void declare(Arguments&) override {}
    int run(Session& session) override {
        std::ostream& out = session.io().out;
        Timestamp now = session.io().clock.now();
        JsonOutput json(out);
        bool as_json = session.options().json, first = true;
        if (as_json) json.writer().begin_object().key("sets").begin_array();
        for (const engine::SetOptions* set : session.sets()) {
            SetStatus status = read_set_status(session, *set);
            if (as_json)
                append_json(json.writer(), status, now);
            else
                out << (first ? "" : "\n") << status_text(status, now);
            first = false;
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return kDone;
    }
};

}  // namespace

std::unique_ptr<Command> make_status_command() {
    return std::make_unique<StatusCommand>();
}

}  // namespace icecore::cli
