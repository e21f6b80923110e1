#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "base/text.h"
#include "cli/collect_report.h"
#include "cli/command.h"
#include "cli/mail_report.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

using report::SetReport;

void append_lists(JsonWriter& writer, const SetReport& report) {
    writer.key("failures").begin_array();
    for (const report::Failure& failure : report.failures) {
        writer.begin_object().field("kind", failure_kind_name(failure.kind)).key("at").time(failure.at);
        writer.field("run", failure.run);
        writer.field("error", printable(failure.error)).field("hint", printable(failure.hint)).end_object();
    }
    writer.end_array().key("unusual").begin_array();
    for (const report::Unusual& one : report::find_unusual(report))
        writer.begin_object().field("text", one.text).field("alarm", one.alarm).end_object();
    writer.end_array().key("warnings").begin_array();
    for (const std::string& warning : report.warnings) writer.string(printable(warning));
    writer.end_array();
}

void append_json(JsonWriter& writer, const SetReport& report) {
    writer.begin_object().field("set", printable(report.set)).field("host", printable(report.host));
    writer.field("subject", report::subject_of(report));
    writer.field("stored_bytes", report.stored_bytes()).field("errors", report.errors());
    writer.field("next_full", report.next_full);
    append_lists(writer, report);
    writer.key("runs").begin_array();
    for (std::size_t i = report.first; i < report.history.size(); ++i) {
        writer.begin_object();
        write_run_fields(writer, report.history[i].header, report.history[i].trailer);
        writer.end_object();
    }
    writer.end_array().end_object();
}

class ReportCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "report",
            .summary = "tell how the last runs went",
            .description =
                "Tells what a mail about the last runs tells: errors first, then what is unusual,\n"
                "the runs, what changed, and how the set stands. On the terminal, as a page for a\n"
                "browser or a printer, or by mail, which also shows whether mail gets through.",
            .example = "icecore report --last 30 --html report.html\nicecore report --send",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--last", "N", last_, "of the last N runs; else of as many as a mail tells of");
        arguments.value("--html", "FILE", html_, "write a page with charts to FILE instead");
        arguments.flag("--send", send_, "mail it to the address of the configuration");
    }
    int run(Session& session) override {
        const ReportConfig& config = session.config().report;
        if (send_ && config.to.empty())
            throw UsageError("--send: the configuration names no address to mail to",
                             "email = \"admin@example.org\" in the table [report]");
        std::size_t last = read_last(config.every);
        if (!html_.empty()) session.set();  // a page is of one set
        return tell(session, last);
    }

  private:
    std::size_t read_last(unsigned every) const {
        if (last_.empty()) return every;
        std::size_t count = 0;
        const char* text_end = last_.data() + last_.size();
        auto [end, error] = std::from_chars(last_.data(), text_end, count);
        if (error != std::errc{} || end != text_end || count == 0)
            throw UsageError(format("--last \"{}\": expected a number of runs from 1 on", last_));
        return count;
    }

    static SetReport make_report(Session& session, const engine::SetOptions& set, std::size_t last) {
        SetReport report = collect_report(session, set);
        report::MailState state = report::MailQueue::read(mail_places(session.io(), set));
        report.failures = state.failures;
        report.failures_left_out = state.left_out;
        tell_from(report, report.history.size() - std::min(last, report.history.size()));
        return report;
    }

    int tell(Session& session, std::size_t last) const {
        std::ostream& out = session.io().out;
        JsonOutput json(out);
        bool as_json = session.options().json, first = true;
        int status = kDone;
        if (as_json) json.writer().begin_object().key("sets").begin_array();
        for (const engine::SetOptions* set : session.sets()) {
            SetReport report = make_report(session, *set, last);
            if (!html_.empty()) write_page(session, report);
            if (as_json)
                append_json(json.writer(), report);
            else if (!send_ && html_.empty())
                out << (first ? "" : "\n\n") << report::report_text(report);
            first = false;
            if (send_) status = worse(status, send(session, std::move(report)));
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return status;
    }

    static int send(Session& session, SetReport report) {
        std::string set = report.set;
        std::optional<Error> refused = mail_report(session, std::move(report));
        if (refused) {
            session.messages().error(format("set {}: {}", set, refused->message()), refused->hint());
            return kFailed;
        }
        session.messages().note(format("set {}: mailed to {}", set, session.config().report.to.front()));
        return kDone;
    }

    void write_page(Session& session, const SetReport& report) const {
        std::string path = absolute_path(html_, session.io().cwd);
        std::string dir(parent_path(path));
        write_file_durably(session.io().fs, dir.empty() ? "/" : dir, std::string(base_name(path)),
                           report::report_page(report), true);
        session.messages().note(format("written to {}", printable(path)));
    }

    std::string last_;
    std::string html_;
    bool send_ = false;
};

}  // namespace

std::unique_ptr<Command> make_report_command() {
    return std::make_unique<ReportCommand>();
}

}  // namespace icecore::cli
