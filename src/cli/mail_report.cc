#include "cli/mail_report.h"

#include <fcntl.h>

#include <algorithm>

#include "archive/frame.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/collect_report.h"
#include "cli/deliver_mail.h"
#include "cli/program.h"
#include "report/mail_message.h"

namespace icecore::cli {
namespace {

using report::Failure;
using report::SetReport;

/// Of all attachments together, compressed: with base64 under the 10 MiB that most mail servers take.
constexpr std::size_t kAttachedBytesMax = 7 << 20;

/// The file in gzip's format; nullopt if it is not there or is longer than `bytes_max`.
std::optional<std::string> gzipped(const std::string& path, std::size_t bytes_max) {
    try {
        Fd file = open_file(path, O_RDONLY);
        archive::FrameEncoder encoder({archive::Compression::Method::gzip, 6});
        std::string piece(archive::kFrameBytesMax, '\0');
        std::string member;
        std::string all;
        while (std::size_t size = read_full(file.get(), piece.data(), piece.size())) {
            encoder.encode(std::string_view(piece).substr(0, size), member);
            all += member;
            if (all.size() > bytes_max) return std::nullopt;
        }
        return all;
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// The newest logs first, as far as they fit. What does not is said in the report.
void attach_logs(SetReport& report, report::MailMessage& message) {
    std::size_t room = kAttachedBytesMax;
    std::size_t missing = 0;
    for (std::size_t i = 0; i < report.digests.size(); ++i) {
        const SetReport::Run& run = report.history[report.history.size() - 1 - i];
        std::string path = log_path(report, run);
        auto content = gzipped(path, room);
        if (!content) {
            if (path_exists(path))
                report.warnings.push_back(
                    format("the log of run {} is too long to be attached: {}", run.header.run, path));
            else
                ++missing;
            continue;
        }
        room -= content->size();
        message.attachments.push_back(
            {std::string(base_name(path)) + ".gz", "application/gzip", std::move(*content)});
    }
    if (missing > 0)
        report.warnings.push_back(
            format("{} of these runs {} no log", missing, missing == 1 ? "has" : "have"));
}

/// The same report has the same Message-ID, however often it is sent.
std::string about(const SetReport& report) {
    std::string text = format("{}\n{}\n{}\n", report.host, report.set, report.told());
    for (std::size_t i = report.first; i < report.history.size(); ++i)
        text += report.history[i].header.archive_name + "\n";
    for (const Failure& failure : report.failures) text += format_iso_utc(failure.at) + failure.error + "\n";
    return text;
}

/// Several problems as one, for a mail's line.
std::string first_and_count(const std::vector<std::string>& problems) {
    if (problems.size() == 1) return problems.front();
    return format("{} (and {} more)", problems.front(), problems.size() - 1);
}

/// What a run adds to the queue.
std::vector<Failure> failures_of(const report::RunFacts& facts) {
    using Kind = Failure::Kind;
    std::vector<Failure> failures;
    if (facts.result == report::RunFacts::Result::failed)
        failures.push_back({Kind::no_run, facts.finished, 0, facts.error, facts.hint});
    std::uint32_t run = facts.header ? facts.header->run : 0;
    if (facts.upload && !facts.upload->problems.empty() && facts.exit_status != kPending)
        failures.push_back(
            {Kind::not_offsite, facts.finished, run, first_and_count(facts.upload->problems), ""});
    if (!facts.problems.empty())
        failures.push_back({Kind::besides, facts.finished, run, first_and_count(facts.problems), ""});
    return failures;
}

/// Where what has not been told begins. A number beyond the last run is of runs that are gone.
std::size_t first_untold(const SetReport& report, std::uint32_t mailed_through) {
    if (report.history.empty() || mailed_through > report.history.back().header.run) return 0;
    auto first = std::find_if(report.history.begin(), report.history.end(),
                              [&](const SetReport::Run& run) { return run.header.run > mailed_through; });
    return static_cast<std::size_t>(first - report.history.begin());
}

bool is_due(const SetReport& report, const report::MailState& state, unsigned every) {
    if (!report.failures.empty() || state.tries > 0 || report.told() >= every) return true;
    for (std::size_t i = report.first; i < report.history.size(); ++i) {
        const SetReport::Run& run = report.history[i];
        if (run.trailer.counts.errors > 0 || run.header.interrupted) return true;
    }
    std::vector<report::Unusual> unusual = report::find_unusual(report);
    return std::any_of(unusual.begin(), unusual.end(), [](const report::Unusual& one) { return one.alarm; });
}

class AfterRun {
  public:
    AfterRun(Session& session, const engine::SetOptions& set)
        : session_(session), set_(set), queue_(session.io().fs, mail_places(session.io(), set)) {}

    MailOutcome tell(const report::RunFacts& facts) {
        for (const Failure& failure : failures_of(facts))
            attempt([&] { queue_.add(failure); }, "it could not be queued, either");
        SetReport report = collect_report(session_, set_);
        report.failures = queue_.state().failures;
        report.failures_left_out = queue_.state().left_out;
        std::size_t first = first_untold(report, queue_.state().mailed_through);
        report.first = first;
        if (!is_due(report, queue_.state(), session_.config().report.every)) return {};
        tell_from(report, first);  // reads the logs
        std::uint32_t through = report.history.empty() ? 0 : report.history.back().header.run;
        std::optional<Error> refused;
        try {
            refused = mail_report(session_, std::move(report));
        } catch (const Error& error) {
            return failed(error);
        }
        MailOutcome outcome{.sent = true, .failure = std::nullopt};
        attempt([&] { queue_.note_sent(through, now()); },
                "the report was mailed, but that could not be noted: it will come again");
        // Sending it again would bring it to the others again: whoever was refused is told of and left out.
        outcome.failure = trouble_ ? trouble_ : refused;
        return outcome;
    }

  private:
    Timestamp now() const { return session_.io().clock.now(); }

    template <typename Action>
    void attempt(Action action, std::string_view context) {
        try {
            action();
        } catch (Error& error) {
            trouble_ = error.add_context(context);
        }
    }

    MailOutcome failed(Error error) {
        trouble_.reset();
        attempt([&] { queue_.note_failed(error.message(), now()); }, "it could not be queued, either");
        if (trouble_)
            error = Error(error.kind(), format("{}; {}", error.message(), trouble_->message()), error.hint());
        error.add_context("the report could not be mailed");
        return {.sent = false, .failure = error};
    }

    Session& session_;
    const engine::SetOptions& set_;
    report::MailQueue queue_;
    std::optional<Error> trouble_;
};

}  // namespace

/// "icecore@HOST", if that can be an address.
std::string mail_sender(const ReportConfig& config, const std::string& host) {
    if (!config.from.empty()) return config.from;
    std::string from = "icecore@" + host;
    return report::mail_address_fault(from).empty() ? from : "icecore@localhost";
}

report::MailQueue::Places mail_places(const Io& io, const engine::SetOptions& set) {
    report::MailQueue::Places places;
    places.backup_dir = set.backup_dir;
    std::string state = io.environment("XDG_STATE_HOME").value_or("");
    std::string home = io.environment("HOME").value_or("");
    if (io.privileged && !state.starts_with('/'))
        places.state_dir = "/var/lib/icecore";
    else if (state.starts_with('/'))
        places.state_dir = state + "/icecore";
    else if (home.starts_with('/'))
        places.state_dir = home + "/.local/state/icecore";
    places.state_name = format("mail-{}-{}.json", set.name, sha256(set.backup_dir).hex().substr(0, 12));
    return places;
}

MailOutcome mail_after_run(Session& session, const engine::SetOptions& set, const report::RunFacts& facts) {
    if (session.config().report.to.empty()) return {};
    try {
        return AfterRun(session, set).tell(facts);
    } catch (Error& error) {
        return {.sent = false, .failure = error.add_context("the report could not be mailed")};
    }
}

std::optional<Error> mail_report(Session& session, SetReport report) {
    const ReportConfig& config = session.config().report;
    report::MailMessage message;
    attach_logs(report, message);
    message.from = mail_sender(config, session.io().host);
    message.to = config.to;
    message.subject = report::subject_of(report);
    message.date = report.now;
    message.message_id = report::make_message_id(about(report), session.io().host);
    message.text = report::report_text(report);
    message.html = report::report_mail_html(report);
    return deliver_mail(config, message, session.io());
}

}  // namespace icecore::cli
