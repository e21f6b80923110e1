#pragma once

#include <optional>

#include "base/error.h"
#include "cli/session.h"
#include "report/mail_queue.h"
#include "report/run_facts.h"

namespace icecore::cli {

/// What became of telling people.
struct MailOutcome {
    bool sent = false;
    /// Unless it was sent, it waits, and the next run tries again; the message says if not even that. If it
    /// was, some do not get it, or it will come again.
    std::optional<Error> failure;
};

/// Where the mail state of a set is kept.
report::MailQueue::Places mail_places(const Io& io, const engine::SetOptions& set);

/// After each run: queues what went wrong, and mails if it is time: `every` runs wait, or one of what waits
/// failed, had errors or is alarming, or an earlier mail did not get through. Does nothing if no mail is
/// wanted. Never throws: a backup is what it is, whatever becomes of its report.
MailOutcome mail_after_run(Session& session, const engine::SetOptions& set, const report::RunFacts& facts);

/// The address that mails come from: that of the configuration, or "icecore@HOST".
std::string mail_sender(const ReportConfig& config, const std::string& host);

/// Mails `report` now; the queue stays as it is. Returns what deliver_mail does. Throws Error.
[[nodiscard]] std::optional<Error> mail_report(Session& session, report::SetReport report);

}  // namespace icecore::cli
