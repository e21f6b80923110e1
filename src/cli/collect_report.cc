#include "cli/collect_report.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/set_status.h"
#include "engine/backup_dir.h"

namespace icecore::cli {
namespace {

/// When a full run comes by itself.
std::string next_full(const engine::SetOptions& set, const SetStatus& status,
                      const std::vector<report::SetReport::Run>& runs) {
    if (!status.full_reason.empty()) return "with the next run: " + status.full_reason;
    if (!set.full_every.runs && !set.full_every.seconds) return "never by itself (full_every)";
    auto last_full = std::find_if(runs.rbegin(), runs.rend(), [](const report::SetReport::Run& run) {
        return run.header.kind == archive::RunKind::full;
    });
    std::string when;
    if (set.full_every.runs) {
        auto length = static_cast<std::uint64_t>(last_full - runs.rbegin()) + 1;
        when = format("in {} runs",
                      *set.full_every.runs - std::min<std::uint64_t>(length, *set.full_every.runs) + 1);
    }
    if (set.full_every.seconds && last_full != runs.rend())
        when = "with the first run after " +
               format_local({last_full->header.started.sec + *set.full_every.seconds, 0});
    return when;
}

/// What is offsite grows by what each run stores, and so does what it costs.
std::string cost_text(double monthly_usd, const std::vector<report::SetReport::Run>& runs, Timestamp now) {
    constexpr std::int64_t kMonthSeconds = 30 * 86'400;
    double recent_usd = 0;
    bool all_are_recent = true;
    for (const report::SetReport::Run& run : runs) {
        bool recent = now.sec - run.header.started.sec <= kMonthSeconds;
        all_are_recent &= recent;
        if (recent) recent_usd += run.monthly_usd;
    }
    std::string text = monthly_cost_text(monthly_usd);
    if (all_are_recent || monthly_usd <= 0) return text;
    return text + format(", {:.0f}% of it for the runs of the last 30 days", recent_usd / monthly_usd * 100);
}

report::SetReport::Offsite offsite_facts(const engine::OffsiteStatus& offsite,
                                         const std::vector<report::SetReport::Run>& runs, Timestamp now) {
    return {
        .target = offsite.target,
        .stored_files = offsite.stored_files,
        .stored_bytes = offsite.stored_bytes,
        .waiting_files = offsite.waiting_files,
        .waiting_bytes = offsite.waiting_bytes,
        .snapshot = offsite.newest_snapshot ? std::optional(offsite.newest_snapshot->started) : std::nullopt,
        .monthly_cost = offsite.monthly_usd ? cost_text(*offsite.monthly_usd, runs, now) : ""};
}

}  // namespace

report::SetReport collect_report(Session& session, const engine::SetOptions& set) {
    report::SetReport report;
    report.set = set.name;
    report.host = session.io().host;
    report.program = program_version();
    report.data_dir = set.data_dir;
    report.backup_dir = set.backup_dir;
    report.now = session.io().clock.now();
    report.next_full = "unknown";
    try {
        SetStatus status = read_set_status(session, set, std::nullopt);
        report.backup_dir_bytes = status.backup_dir_bytes;
        report.warnings = status.warnings;
        for (const catalog::Run& run : status.runs) report.history.push_back({run.header, run.trailer});
        if (status.offsite) {
            for (report::SetReport::Run& run : report.history)
                if (auto of = status.offsite->monthly_usd_of.find(run.header.run);
                    of != status.offsite->monthly_usd_of.end())
                    run.monthly_usd = of->second;
            report.offsite = offsite_facts(*status.offsite, report.history, report.now);
        }
        report.offsite_unknown = !status.offsite && set.target.type != engine::TargetOptions::Type::none;
        if (status.runs_known) report.next_full = next_full(set, status, report.history);
        if (status.error)
            report.warnings.push_back("how the set stands cannot be told: " + status.error->message());
    } catch (const Error& error) {
        report.warnings.push_back("how the set stands cannot be told: " + error.message());
    }
    report.first = report.history.size();
    return report;
}

void tell_from(report::SetReport& report, std::size_t first) {
    report.first = std::min(first, report.history.size());
    report.digests.clear();
    std::size_t detailed = std::min(report.told(), report::SetReport::kDetailedMax);
    for (std::size_t i = report.history.size() - detailed; i < report.history.size(); ++i)
        report.digests.push_back(report::digest_log(log_path(report, report.history[i])));
}

std::string log_path(const report::SetReport& report, const report::SetReport::Run& run) {
    engine::ArchiveNames names = engine::make_archive_names(
        report.set, run.header.run, run.header.kind, run.header.started, run.header.compression.method);
    return join_path(report.backup_dir, names.log);
}

}  // namespace icecore::cli
