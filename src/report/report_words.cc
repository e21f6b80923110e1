#include "report/report_words.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "base/units.h"

namespace icecore::report {
namespace {

constexpr std::size_t kProblemLinesMax = 100;
constexpr std::size_t kChangeLinesMax = 100;
constexpr std::size_t kCleanBytesMax = 2000;
constexpr std::int64_t kMonthSeconds = 30 * 86'400;

std::uint64_t stored_since(const SetReport& report, std::int64_t sec) {
    std::uint64_t bytes = 0;
    for (const SetReport::Run& run : report.history)
        if (run.header.started.sec >= sec) bytes += run.trailer.counts.stored_bytes;
    return bytes;
}

std::uint32_t digested_run(const SetReport& report, std::size_t digest) {
    return report.history[report.history.size() - report.digests.size() + digest].header.run;
}

bool is_bad(const SetReport::Run& run) {
    return run.trailer.counts.errors > 0 || run.header.interrupted;
}

std::string kind_in_capitals(Failure::Kind kind) {
    std::string text(failure_kind_name(kind));
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return text;
}

}  // namespace

std::string clean(std::string_view text) {
    return quotable(text, kCleanBytesMax);
}

std::uint64_t SetReport::stored_bytes() const {
    std::uint64_t bytes = 0;
    for (std::size_t i = first; i < history.size(); ++i) bytes += history[i].trailer.counts.stored_bytes;
    return bytes;
}

std::uint64_t SetReport::errors() const {
    std::uint64_t count = 0;
    for (std::size_t i = first; i < history.size(); ++i) count += history[i].trailer.counts.errors;
    return count;
}

std::string_view failure_kind_name(Failure::Kind kind) {
    switch (kind) {
        case Failure::Kind::no_run:
            return "failed";
        case Failure::Kind::not_offsite:
            return "not offsite";
        case Failure::Kind::besides:
            return "problem";
    }
    CHECK(false);
}

std::string failure_title(const Failure& failure) {
    std::string title = kind_in_capitals(failure.kind);
    return failure.run == 0 ? title : title + format(": run {}", failure.run);
}

std::string subject_of(const SetReport& report) {
    constexpr std::size_t kErrorBytesMax = 120;
    std::string subject = format("icecore {}/{}: ", clean(report.host), clean(report.set));
    std::string runs = plural(report.told(), "run", "runs");
    std::string added = format("{} added", format_bytes(report.stored_bytes()));
    if (!report.failures.empty()) {
        const Failure& last = report.failures.back();
        bool over = last.kind == Failure::Kind::no_run && report.told() > 0 &&
                    last.at < report.history.back().header.started;
        std::string times = report.failures.size() == 1 ? "" : format(" {} times", report.failures.size());
        if (over) return subject + format("FAILED{}, works again: {}, {}", times, runs, added);
        return subject +
               format("{}{}: {}", kind_in_capitals(last.kind), times, quotable(last.error, kErrorBytesMax));
    }
    if (std::uint64_t errors = report.errors(); errors > 0)
        return subject +
               format("ERRORS: {} in {}, {}", plural(errors, "file not read", "files not read"), runs, added);
    std::vector<Unusual> unusual = find_unusual(report);
    if (!unusual.empty() && unusual.front().alarm)
        return subject + format("UNUSUAL: {}", quotable(unusual.front().text, kErrorBytesMax));
    if (report.told() == 0) return subject + "no run to tell of";
    return subject + format("{} ok, {}", runs, added);
}

std::vector<Fact> standing_facts(const SetReport& report) {
    std::vector<Fact> facts;
    facts.push_back({"data", clean(escape_path(report.data_dir))});
    facts.push_back({"backup", clean(escape_path(report.backup_dir))});
    if (!report.history.empty()) {
        const archive::RunCounts& counts = report.history.back().trailer.counts;
        facts.push_back({"tree", format("{} in {}, {}", plural(counts.files, "file", "files"),
                                        plural(counts.directories, "directory", "directories"),
                                        format_bytes(counts.tree_bytes))});
        auto chains = static_cast<std::uint64_t>(std::count_if(
            report.history.begin(), report.history.end(),
            [](const SetReport::Run& run) { return run.header.kind == archive::RunKind::full; }));
        facts.push_back(
            {"archives", format("{} in {}: {}", plural(report.history.size(), "run", "runs"),
                                plural(chains, "chain", "chains"), format_bytes(stored_since(report, 0)))});
    }
    if (std::uint64_t month = stored_since(report, report.now.sec - kMonthSeconds); month > 0)
        facts.push_back({"", format("{} of them in the last 30 days", format_bytes(month))});
    facts.push_back({"disk", format("{} in the backup directory", format_bytes(report.backup_dir_bytes))});
    if (report.offsite) {
        const SetReport::Offsite& offsite = *report.offsite;
        std::string state = format("{} ({}) at {}", plural(offsite.stored_files, "file", "files"),
                                   format_bytes(offsite.stored_bytes), clean(escape_path(offsite.target)));
        if (offsite.waiting_files > 0)
            state += format("; {} ({}) not yet", plural(offsite.waiting_files, "file", "files"),
                            format_bytes(offsite.waiting_bytes));
        facts.push_back({"offsite", state});
        if (!offsite.monthly_cost.empty()) facts.push_back({"", "costs " + offsite.monthly_cost});
        facts.push_back({"", offsite.snapshot ? "complete up to the run of " + format_local(*offsite.snapshot)
                                              : std::string("no run is complete there yet")});
    } else {
        facts.push_back({"offsite", report.offsite_unknown ? "not known: the target could not be looked at"
                                                           : "nowhere: the set has no target"});
    }
    facts.push_back({"next full", report.next_full});
    return facts;
}

std::vector<RunRow> run_rows(const SetReport& report) {
    std::vector<RunRow> rows;
    std::size_t begin = report.first;
    if (report.told() > SetReport::kDetailedMax) begin = report.history.size() - SetReport::kDetailedMax;
    for (std::size_t i = begin; i < report.history.size(); ++i) {
        const SetReport::Run& run = report.history[i];
        const archive::RunCounts& counts = run.trailer.counts;
        rows.push_back({.run = format("{}", run.header.run),
                        .kind = run.header.interrupted                      ? "stopped"
                                : run.header.kind == archive::RunKind::full ? "full"
                                                                            : "incr",
                        .started = format_local(run.header.started).substr(0, 16),
                        .added = format_count(counts.added),
                        .changed = format_count(counts.changed),
                        .deleted = format_count(counts.deleted),
                        .errors = format_count(counts.errors),
                        .stored = format_bytes(counts.stored_bytes),
                        // How long another program took is not known.
                        .duration = run.header.adopted ? "adopted"
                                                       : format_duration(seconds_between(
                                                             run.header.started, run.trailer.finished)),
                        .bad = is_bad(run)});
    }
    return rows;
}

std::vector<std::string> run_notes(const SetReport& report) {
    std::vector<std::string> notes;
    for (std::size_t i = 0; i < report.digests.size(); ++i)
        for (const std::string& note : report.digests[i].notes)
            notes.push_back(format("run {}: {}", digested_run(report, i), clean(note)));
    return notes;
}

CutList problem_list(const SetReport& report) {
    CutList list;
    std::uint64_t all = report.errors();
    for (std::size_t i = report.digests.size(); i > 0; --i)
        for (const std::string& text : report.digests[i - 1].first_problems)
            if (list.lines.size() < kProblemLinesMax)
                list.lines.push_back({digested_run(report, i - 1), "", "problem", clean(text)});
    list.left_out = all > list.lines.size() ? all - list.lines.size() : 0;
    return list;
}

CutList change_list(const SetReport& report) {
    CutList list;
    for (std::size_t i = report.digests.size(); i > 0; --i) {
        const LogDigest& digest = report.digests[i - 1];
        std::size_t shown = 0;
        for (const LogLine& line : digest.first_lines) {
            if (list.lines.size() >= kChangeLinesMax) break;
            list.lines.push_back({digested_run(report, i - 1), line.has_size ? format_bytes(line.bytes) : "",
                                  line.word, clean(line.text)});
            ++shown;
        }
        list.left_out += digest.lines - digest.problems -
                         std::min<std::uint64_t>(digest.lines - digest.problems, shown + digest.notes.size());
    }
    return list;
}

std::vector<ListLine> biggest_list(const SetReport& report) {
    struct Sized {
        std::uint64_t bytes;
        ListLine line;
    };
    std::vector<Sized> all;
    for (std::size_t i = 0; i < report.digests.size(); ++i)
        for (const LogLine& line : report.digests[i].biggest)
            all.push_back({line.bytes,
                           {digested_run(report, i), format_bytes(line.bytes), line.word, clean(line.text)}});
    std::stable_sort(all.begin(), all.end(),
                     [](const Sized& a, const Sized& b) { return a.bytes > b.bytes; });
    std::vector<ListLine> lines;
    for (Sized& sized : all)
        if (lines.size() < LogDigest::kBiggestMax) lines.push_back(std::move(sized.line));
    return lines;
}

std::uint64_t longest_bar_bytes(const std::vector<Bar>& bars) {
    std::uint64_t all = 1;
    std::uint64_t incremental = 0;
    for (const Bar& bar : bars) {
        all = std::max(all, bar.bytes);
        if (!bar.full) incremental = std::max(incremental, bar.bytes);
    }
    return incremental > 0 ? incremental : all;
}

std::vector<Bar> stored_bars(const SetReport& report, std::size_t count) {
    std::vector<Bar> bars;
    for (std::size_t i = report.history.size() - std::min(count, report.history.size());
         i < report.history.size(); ++i) {
        const SetReport::Run& run = report.history[i];
        bars.push_back({run.header.run, run.trailer.counts.stored_bytes,
                        run.header.kind == archive::RunKind::full, is_bad(run), run.header.started});
    }
    return bars;
}

}  // namespace icecore::report
