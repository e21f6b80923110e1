#pragma once

#include <optional>

#include "base/error.h"
#include "cli/config_report.h"
#include "cli/io.h"
#include "report/mail_message.h"

namespace icecore::cli {

/// Hands a message over to the mail server or to the sendmail program of the configuration, in bounded time.
/// Returns what is wrong although it was sent: that the server refused some of the addresses, and why. Throws
/// Error: what cloud::send_mail throws; denied for a password that cannot be had (a file that others
/// may read among them), and for a sendmail that fails; not_found where it is not there. No message holds the
/// password.
[[nodiscard]] std::optional<Error> deliver_mail(const ReportConfig& config,
                                                const report::MailMessage& message, const Io& io);

}  // namespace icecore::cli
