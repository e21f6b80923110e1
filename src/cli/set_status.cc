#include "cli/set_status.h"

#include <fcntl.h>

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/units.h"
#include "cli/mail_report.h"
#include "cli/output.h"
#include "cost/prices.h"
#include "engine/backup_dir.h"
#include "engine/thaw_list.h"

namespace icecore::cli {
namespace {

std::uint64_t files_bytes(const std::string& dir) {
    Fd fd = open_file(dir, O_RDONLY | O_DIRECTORY);
    std::uint64_t bytes = 0;
    for (const std::string& name : list_directory(dir)) {
        FileStat stat;
        if (stat_at(fd.get(), name.c_str(), stat) && stat.type == FileType::regular) bytes += stat.size;
    }
    return bytes;
}

/// The reasons that can be told without scanning.
std::string why_full(const engine::SetOptions& set, const std::vector<catalog::Run>& runs, Timestamp now) {
    if (runs.empty()) return "it is the first";
    if (!path_exists(format("{}/{}", set.backup_dir, engine::kSnarName))) {
        return format("{} is missing", engine::kSnarName);
    }
    std::uint32_t chain = runs.back().header.chain;
    std::uint32_t length = 0;
    Timestamp chain_started = runs.back().header.started;
    for (const catalog::Run& run : runs) {
        if (run.header.chain != chain) continue;
        ++length;
        if (run.header.kind == archive::RunKind::full) chain_started = run.header.started;
    }
    const engine::FullEvery& every = set.full_every;
    if ((every.runs && length >= *every.runs) ||
        (every.seconds && now.sec - chain_started.sec >= *every.seconds)) {
        return "full_every is reached";
    }
    return {};
}

void count_thaws(Session& session, const engine::SetOptions& set, SetStatus& status) {
    if (!path_exists(set.backup_dir)) return;
    std::unique_ptr<TerminalObserver> observer = session.observer();
    engine::Environment environment = session.environment();
    auto open = [&](engine::Observer& told) { return engine::open_target(environment, set, told); };
    for (const catalog::Thaw& thaw : engine::list_thaws(environment, set, false, open, *observer)) {
        if (thaw.state == catalog::Thaw::State::ready) ++status.thawed;
        if (thaw.state == catalog::Thaw::State::asked || thaw.state == catalog::Thaw::State::wanted)
            ++status.thawing;
    }
    observer->finish();
}

void look_at_backup_dir(Session& session, const engine::SetOptions& set, SetStatus& status) {
    if (path_exists(set.backup_dir)) {
        status.running = engine::lock_holder(set.backup_dir).has_value();
        status.backup_dir_bytes = files_bytes(set.backup_dir);
        status.space = engine::disk_space(set.backup_dir);
        try {
            status.runs = open_set(session, set).runs;
        } catch (const Error& error) {
            if (error.kind() != Error::Kind::not_found) throw;
        }
    }
    status.runs_known = true;
}

/// The first error tells most: what fails after it often fails for the same reason.
template <typename Look>
void note_error(SetStatus& status, Look look) {
    try {
        look();
    } catch (const Error& error) {
        if (!status.error) status.error = error;
    }
}

void warn_of_age(SetStatus& status, Timestamp now, std::int64_t max_age_seconds) {
    auto too_old = [&](Timestamp then) { return now.sec - then.sec > max_age_seconds; };
    std::string allowed = format("at most {}", format_duration(static_cast<double>(max_age_seconds)));
    if (status.last_run() != nullptr && too_old(status.last_run()->header.started))
        status.warnings.push_back(
            format("the last run began {} ({})", age_text(status.last_run()->header.started, now), allowed));
    if (!status.offsite || status.last_run() == nullptr) return;
    const auto& snapshot = status.offsite->newest_snapshot;
    if (!snapshot)
        status.warnings.emplace_back("no run is offsite yet");
    else if (too_old(snapshot->started))
        status.warnings.push_back(format("the newest run that is offsite began {} ({})",
                                         age_text(snapshot->started, now), allowed));
}

void add_warnings(SetStatus& status, Timestamp now, std::optional<std::int64_t> max_age_seconds) {
    if (status.last_run() == nullptr) {
        status.warnings.emplace_back("there is no run yet");
    } else if (std::uint64_t errors = status.last_run()->trailer.counts.errors; errors > 0) {
        status.warnings.push_back(format("{} in run {}: see icecore log {}",
                                         plural(errors, "error", "errors"), status.last_run()->number(),
                                         status.last_run()->number()));
    }
    if (max_age_seconds) warn_of_age(status, now, *max_age_seconds);
    if (status.offsite && !status.offsite->last_error.empty())
        status.warnings.push_back(format("the last upload failed, {}: {}",
                                         age_text(status.offsite->last_error_at, now),
                                         status.offsite->last_error));
    if (status.mail && status.mail->tries > 0)
        status.warnings.push_back(format("the report could not be mailed, {}: {}",
                                         age_text(status.mail->last_error_at.value_or(now), now),
                                         status.mail->last_error));
    if (!status.space) return;
    std::string fault = engine::space_fault(*status.space, status.runs, !status.full_reason.empty());
    if (!fault.empty()) status.warnings.push_back(std::move(fault));
}

std::optional<MailWaiting> mail_waiting(Session& session, const engine::SetOptions& set,
                                        const std::vector<catalog::Run>& runs) {
    if (session.config().report.to.empty()) return std::nullopt;
    report::MailState state = report::MailQueue::read(mail_places(session.io(), set));
    MailWaiting mail;
    for (const catalog::Run& run : runs)
        if (run.number() > state.mailed_through) ++mail.runs;
    mail.failures = state.failures.size() + state.left_out;
    mail.tries = state.tries;
    mail.last_error = state.last_error;
    mail.last_error_at = state.last_error_at;
    mail.last_sent = state.last_sent;
    return mail;
}

}  // namespace

std::string monthly_cost_text(double usd) {
    cost::Prices prices = cost::Prices::built_in();
    std::string amount = usd > 0 && usd < 0.01 ? "less than 0.01" : format("about {:.2f}", usd);
    return format("{} USD a month (prices of {}, {})", amount, prices.region, prices.date);
}

std::string age_text(Timestamp then, Timestamp now) {
    constexpr std::int64_t kDaySeconds = 86400;
    if (now < then) return "in the future: is the clock right?";
    std::int64_t seconds = now.sec - then.sec;
    if (seconds >= 2 * kDaySeconds) return format("{} days ago", seconds / kDaySeconds);
    return format_duration(static_cast<double>(seconds)) + " ago";
}

std::uint64_t SetStatus::chains() const {
    return static_cast<std::uint64_t>(std::count_if(runs.begin(), runs.end(), [](const catalog::Run& run) {
        return run.header.kind == archive::RunKind::full;
    }));
}

std::optional<Timestamp> newest_offsite(Session& session, const engine::SetOptions& set) {
    if (set.target.type == engine::TargetOptions::Type::none) return std::nullopt;
    try {
        auto offsite = engine::read_offsite_status(session.environment(), set, open_set(session, set).runs);
        if (offsite && offsite->newest_snapshot) return offsite->newest_snapshot->started;
    } catch (const Error&) {
    }
    return std::nullopt;
}

SetStatus read_set_status(Session& session, const engine::SetOptions& set,
                          std::optional<std::int64_t> max_age_seconds) {
    SetStatus status;
    status.name = set.name;
    status.data_dir = set.data_dir;
    status.backup_dir = set.backup_dir;
    note_error(status, [&] { look_at_backup_dir(session, set, status); });
    if (!status.runs_known) return status;
    note_error(status, [&] {
        status.offsite = engine::read_offsite_status(session.environment(), set, status.runs);
        count_thaws(session, set, status);
    });
    note_error(status, [&] { status.mail = mail_waiting(session, set, status.runs); });
    Timestamp now = session.io().clock.now();
    status.full_reason = why_full(set, status.runs, now);
    add_warnings(status, now, max_age_seconds);
    return status;
}

}  // namespace icecore::cli
