#include "cli/init_mail.h"

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "cli/ask.h"
#include "cli/config.h"
#include "cli/deliver_mail.h"
#include "cli/mail_report.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

/// The table [report] of such lines, checked.
ReportConfig read_lines(const std::string& lines) {
    std::string text =
        "[[set]]\nname = \"x\"\ndata = \"/dev/null/d\"\nbackup = \"/dev/null/b\"\n[report]\n" + lines;
    try {
        return parse_config(text, "").report;
    } catch (const UsageError& error) {
        // ":6: report.smtp: what is wrong"
        const std::string& what = error.message();
        std::size_t colon = what.find(": ", what.find("report."));
        throw UsageError(colon == std::string::npos ? what : what.substr(colon + 2), error.hint());
    }
}

void send_test(Session& session, const ReportConfig& config) {
    const Io& io = session.io();
    Timestamp now = io.clock.now();
    deliver_mail(
        config,
        {.from = mail_sender(config, io.host),
         .to = config.to,
         .subject = format("icecore on {}: mail gets through", io.host),
         .date = now,
         .message_id = report::make_message_id(format("test {}", format_local(now)), io.host),
         .text = "This is what icecore init was asked to send. Reports of backups will come this way.\n",
         .html = {},
         .attachments = {}},
        io);
}

void try_out(Session& session, const ReportConfig& config) {
    Io& io = session.io();
    io.out << "Send a test mail? [Y/n] ";
    io.out.flush();
    std::string answer;
    if (!std::getline(io.in, answer)) throw Error(Error::Kind::cancelled, "no answer: nothing was written");
    if (!answer.empty() && answer[0] != 'y' && answer[0] != 'Y') return;
    send_test(session, config);
    io.out << "  it was taken; is it in the mailbox?\n";
}

}  // namespace

void ask_for_mail(Session& session, InitAnswers& answers) {
    std::string address;
    ask(session, "Mail reports to (address, or no)", "no", "", [&](const std::string& answer) {
        if (answer == "no") return;
        std::string line = format("email = {}\n", toml_string(answer));
        read_lines(line);
        address = line;
    });
    if (address.empty()) return;
    std::string fallback = path_exists(std::string(kSendmailDefault)) ? "sendmail" : "";
    ask(session, "Mail server (smtp://HOST:PORT, smtps://HOST, or sendmail)", fallback, "",
        [&](const std::string& answer) {
            std::string lines = address;
            if (answer == "sendmail")
                lines += format("sendmail = {}\n", toml_string(kSendmailDefault));
            else
                lines += format("smtp = {}\n", toml_string(answer));
            try_out(session, read_lines(lines));
            answers.report = lines;
        });
}

}  // namespace icecore::cli
