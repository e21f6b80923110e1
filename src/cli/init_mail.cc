#include "cli/init_mail.h"

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/ask.h"
#include "cli/config.h"
#include "cli/deliver_mail.h"
#include "cli/init_dialog.h"
#include "cli/mail_report.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

/// The table [report] of such lines. Who is asked for one value knows which key is wrong.
ReportConfig parse_report(const std::string& lines) {
    try {
        return parse_config_lines("report", lines).report;
    } catch (const UsageError& error) {
        const std::string& what = error.message();
        std::size_t colon = what.find(": ");
        throw UsageError(colon == std::string::npos ? what : what.substr(colon + 2), error.hint());
    }
}

void send_test(Session& session, const ReportConfig& config) {
    const Io& io = session.io();
    Timestamp now = io.clock.now();
    std::optional<Error> refused = deliver_mail(
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
    if (refused) throw Error(*refused);
}

void try_out(Session& session, const ReportConfig& config) {
    if (!ask_yes(session.io(), "Send a test mail?")) return;
    send_test(session, config);
    session.io().out << "  it was taken; is it in the mailbox?\n";
}

/// A line of the configuration; empty: no mail.
std::string ask_for_address(Session& session) {
    std::string line;
    ask(session, "Mail reports to (address, or no)", "no", "", [&](const std::string& answer) {
        if (answer == "no") return;
        std::string email = format("email = {}\n", toml_string(answer));
        parse_report(email);
        line = email;
    });
    return line;
}

/// Likewise.
std::string ask_for_server(Session& session, const std::string& address) {
    std::string fallback = path_exists(std::string(kSendmailDefault)) ? "sendmail" : "";
    std::string line;
    ask(session, "Mail server (smtp://HOST:PORT, smtps://HOST, sendmail, or no)", fallback, "",
        [&](const std::string& answer) {
            line.clear();
            if (answer == "no") return;
            line = answer == "sendmail" ? format("sendmail = {}\n", toml_string(kSendmailDefault))
                                        : format("smtp = {}\n", toml_string(answer));
            parse_report(address + line);
        });
    return line;
}

/// Writes it into a file of a name that is free.
void keep_password(Session& session, InitAnswers& answers, const std::string& dir,
                   const std::string& password) {
    make_directories(dir);
    std::string name = "mail-password";
    for (unsigned n = 2; path_exists(join_path(dir, name)); ++n) name = format("mail-password-{}", n);
    write_file_durably(session.io().fs, dir, name, password + "\n", false);
    answers.mail_password_file = join_path(dir, name);
}

/// Lines of the configuration; none without a login.
std::string ask_for_login(Session& session, InitAnswers& answers, const std::string& dir) {
    std::string user;
    ask(session, "User name there (or no)", "no", "", [&](const std::string& answer) {
        require_utf8("the user name", answer);
        user = answer == "no" ? "" : answer;
    });
    if (user.empty()) return {};
    std::optional<std::string> password = session.io().read_password("Password (is not shown): ");
    if (!password) throw_no_answer();
    keep_password(session, answers, dir, *password);
    return format("user = {}\npassword_file = {}\n", toml_string(user),
                  toml_string(answers.mail_password_file));
}

}  // namespace

void forget_password(InitAnswers& answers) {
    if (!answers.mail_password_file.empty()) unlink(answers.mail_password_file.c_str());
    answers.mail_password_file.clear();
}

void ask_for_mail(Session& session, InitAnswers& answers, const std::string& config_dir) {
    std::string address = ask_for_address(session);
    while (!address.empty() && answers.report.empty()) {
        std::string server = ask_for_server(session, address);
        if (server.empty()) return;
        std::string lines = address + server;
        if (lines.find("\nsmtp = ") != std::string::npos)
            lines += ask_for_login(session, answers, config_dir);
        try {
            try_out(session, parse_report(lines));
            answers.report = lines;
        } catch (const Error& error) {
            session.messages().error(error);
            forget_password(answers);
        }
    }
}

}  // namespace icecore::cli
