// Prints the page of a made-up set in which everything happens, for tests/report_page_test.

#include <cmath>
#include <iostream>

#include "base/format.h"
#include "report/set_report.h"

namespace {

using icecore::format;
using icecore::Timestamp;
using icecore::report::LogLine;
using icecore::report::SetReport;

constexpr const char* kHostile = "<img src=x onerror=\"document.title='hacked'\">&amp;.txt";
constexpr std::int64_t kDaySeconds = 86'400;

/// Of day 0 to 89: full every thirtieth, some with errors.
SetReport::Run run_of(std::uint32_t day, Timestamp begin) {
    SetReport::Run run;
    run.header.run = day + 1;
    run.header.chain = day - day % 30 + 1;
    run.header.kind =
        day % 30 == 0 ? icecore::archive::RunKind::full : icecore::archive::RunKind::incremental;
    run.header.started = {begin.sec + day * kDaySeconds, 0};
    run.trailer.finished = {run.header.started.sec + 60 + day, 0};
    icecore::archive::RunCounts& counts = run.trailer.counts;
    counts.files = 100'000 + day * 100;
    counts.directories = 1000;
    counts.added = 100 + day;
    counts.changed = 300 - day;
    counts.deleted = day * 2;
    counts.errors = day % 17 == 3 ? 2 : 0;
    counts.stored_bytes =
        run.header.kind == icecore::archive::RunKind::full ? 800ULL << 30 : (1ULL << 30) * (day % 7 + 1);
    run.monthly_usd = static_cast<double>(counts.stored_bytes) / std::pow(2, 30) * 0.00099;
    return run;
}

}  // namespace

int main() {
    SetReport report;
    report.host = "nas1";
    report.set = kHostile;
    report.program = "1.0";
    report.data_dir = format("/srv/{}", std::string(200, 'd'));
    report.backup_dir = "/srv/backup";
    Timestamp begin{1'790'000'000, 0};
    for (std::uint32_t day = 0; day < 90; ++day) report.history.push_back(run_of(day, begin));
    report.now = {begin.sec + 90 * kDaySeconds, 0};
    report.first = 60;
    for (std::size_t i = report.first; i < report.history.size(); ++i) {
        icecore::report::LogDigest digest;
        digest.lines = 5000;
        digest.problems = 1;
        digest.first_problems = {format("unreadable  {}: Permission denied", kHostile)};
        digest.biggest = {{"added", 1ULL << 30, true, kHostile},
                          {"changed", 1 << 20, true, std::string(300, 'x')}};
        digest.first_lines = {{"renamed", 0, false, format("{} -> b", kHostile)},
                              {"deleted", 5, true, "old"}};
        digest.notes = {format("removed {}", kHostile)};
        report.digests.push_back(digest);
    }
    using Kind = icecore::report::Failure::Kind;
    report.failures = {
        {Kind::no_run, report.now, 0, format("data directory {}: not found", kHostile), "is it mounted?"},
        {Kind::not_offsite, report.now, 90, "no such bucket", ""},
        {Kind::besides, report.now, 90, "the hook \"after\" ended with status 3", ""}};
    report.failures_left_out = 2;
    report.backup_dir_bytes = 2ULL << 40;
    report.offsite =
        SetReport::Offsite{.target = "s3:my-backups/attic",
                           .stored_files = 270,
                           .stored_bytes = 2ULL << 40,
                           .waiting_files = 3,
                           .waiting_bytes = 1 << 30,
                           .snapshot = report.history[88].header.started,
                           .monthly_cost = "about 2.74 USD a month (prices of us-east-1, 2026-09-26)"};
    report.next_full = "in 1 run";
    report.warnings = {format("the log of run 3 is too long to be attached: {}", kHostile)};
    std::cout << icecore::report::report_page(report);
    return std::cout.flush() ? 0 : 1;
}
