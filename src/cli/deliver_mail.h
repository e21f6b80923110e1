#pragma once

#include <string>

#include "cli/config_report.h"
#include "cli/io.h"
#include "report/mail_message.h"

namespace icecore::cli {

/// Hands a message over to the mail server or to the sendmail program of the configuration, in bounded time.
/// Throws Error: what cloud::send_mail throws; denied for a password that cannot be had (a file that others
/// may read among them), and for a sendmail that fails; not_found where it is not there. No message holds the
/// password.
void deliver_mail(const ReportConfig& config, const report::MailMessage& message, const Io& io);

}  // namespace icecore::cli
