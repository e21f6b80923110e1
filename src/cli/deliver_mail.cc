#include "cli/deliver_mail.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/process.h"
#include "base/text.h"
#include "cloud/shell_words.h"
#include "cloud/smtp_client.h"

namespace icecore::cli {
namespace {

constexpr std::size_t kPasswordBytesMax = 4096;
constexpr std::int64_t kCommandLimitMs = 30'000;

std::string first_line(const std::string& text, std::string_view origin) {
    std::string line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) throw Error(Error::Kind::denied, format("no password in the first line of {}", origin));
    if (line.find('\0') != std::string::npos || line.size() >= kPasswordBytesMax)
        throw Error(Error::Kind::denied, format("that is no password, what is in {}", origin));
    return line;
}

std::string password_from_file(const std::string& path) {
    Fd file = open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat stat {};
    if (fstat(file.get(), &stat) != 0) throw_errno("password_file " + path);
    if (!S_ISREG(stat.st_mode))
        throw Error(Error::Kind::denied, format("password_file {} is no regular file", path));
    if ((stat.st_mode & S_IRWXO) != 0)
        throw Error(Error::Kind::denied,
                    format("password_file {} can be read by everybody on this machine", path),
                    "chmod 600 that file, and change the password if others had the time to read it");
    std::string text(kPasswordBytesMax, '\0');
    text.resize(read_full(file.get(), text.data(), text.size()));
    return first_line(text, "password_file " + path);
}

std::string password_from_command(const std::string& command, const Io& io) {
    ProcessResult result = io.run_process({.words = cloud::split_words(command),
                                           .limit_ms = kCommandLimitMs,
                                           .output_bytes_max = kPasswordBytesMax,
                                           .kill_if_more = true});
    // What it printed may be a part of the password.
    if (!result.succeeded())
        throw Error(Error::Kind::denied, format("password_command {}", result.text(kCommandLimitMs)));
    return first_line(result.out, "what password_command prints");
}

/// Those who were refused get nothing; the others must not be sent it again for their sake.
std::optional<Error> refusal_of(const std::vector<cloud::RefusedRecipient>& refused) {
    if (refused.empty()) return std::nullopt;
    std::string text = "the mail server did not take all addresses";
    for (const cloud::RefusedRecipient& one : refused)
        text += format("{} {}: {}", &one == &refused.front() ? ":" : ";", one.address, one.reply);
    return Error(Error::Kind::denied, text, "the others get the mail; look at email in [report]");
}

std::optional<Error> deliver_by_smtp(const ReportConfig& config, const report::MailMessage& message,
                                     const Io& io) {
    cloud::SmtpOptions options;
    options.url = config.smtp;
    options.starttls_required = config.starttls_required;
    options.user = config.user;
    if (!config.password_file.empty()) options.password = password_from_file(config.password_file);
    if (!config.password_command.empty())
        options.password = password_from_command(config.password_command, io);
    options.ca_bundle = config.ca_bundle;
    options.hello_name = io.host;
    options.total_timeout_ms = config.timeout_seconds * 1000;
    return refusal_of(cloud::send_mail(options, {message.from, message.to}, report::encode_mail(message)));
}

/// Its input has lines as text files here have them.
std::string without_carriage_returns(const std::string& mail) {
    std::string text;
    text.reserve(mail.size());
    for (std::size_t i = 0; i < mail.size(); ++i)
        if (mail[i] != '\r' || i + 1 == mail.size() || mail[i + 1] != '\n') text += mail[i];
    return text;
}

void deliver_by_sendmail(const ReportConfig& config, const report::MailMessage& message, const Io& io) {
    std::string input = without_carriage_returns(report::encode_mail(message));
    std::int64_t limit_ms = config.timeout_seconds * 1000;
    ProcessResult result;
    try {
        result =
            io.run_process({.words = {config.sendmail, "-i", "-t"}, .input = input, .limit_ms = limit_ms});
    } catch (Error& error) {
        if (error.kind() == Error::Kind::not_found && error.hint().empty())
            error.set_hint("smtp = \"smtp://HOST\" in [report] needs no mail program on this machine");
        throw;
    }
    if (result.succeeded()) return;
    std::string said = result.said();
    throw Error(Error::Kind::denied,
                format("{} {}{}", config.sendmail, result.text(limit_ms), said.empty() ? "" : ": " + said));
}

}  // namespace

std::optional<Error> deliver_mail(const ReportConfig& config, const report::MailMessage& message,
                                  const Io& io) {
    if (!config.smtp.empty()) return deliver_by_smtp(config, message, io);
    deliver_by_sendmail(config, message, io);
    return std::nullopt;
}

}  // namespace icecore::cli
