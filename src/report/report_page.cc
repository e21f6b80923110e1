#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/format.h"
#include "base/units.h"
#include "report/mail_message.h"
#include "report/report_words.h"

// A file of its own: style and charts are in it, it fetches nothing and runs nothing.
namespace icecore::report {
namespace {

constexpr std::size_t kBarsMax = 120;
constexpr double kWidth = 860;
constexpr double kHeight = 170;
constexpr double kLeft = 74;
constexpr double kRight = 10;
constexpr double kTop = 12;
constexpr double kBottom = 24;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = kHeight - kTop - kBottom;
constexpr std::int64_t kDaySeconds = 86'400;

constexpr std::string_view kStyle = R"(
:root { --text:#1f2328; --soft:#656d76; --line:#d0d7de; --back:#ffffff; --box:#f6f8fa;
        --full:#2b6cb0; --incr:#7fb0de; --bad:#c62828; --warn:#b26a00; --del:#d98c8c; --new:#5aa469; --chg:#e0b34c }
@media (prefers-color-scheme: dark) {
  :root { --text:#e6edf3; --soft:#9198a1; --line:#3d444d; --back:#0d1117; --box:#161b22;
          --full:#58a6ff; --incr:#33608f; --bad:#ff7b72; --warn:#d29922; --del:#b85c5c; --new:#4c9a5f; --chg:#b98f30 } }
@media print {
  :root { --text:#000000; --soft:#444444; --line:#bbbbbb; --back:#ffffff; --box:#ffffff;
          --full:#2b6cb0; --incr:#7fb0de; --bad:#c62828; --warn:#b26a00; --del:#d98c8c; --new:#5aa469; --chg:#e0b34c }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact } section { break-inside: avoid }
  section.long { break-inside: auto } body { margin: 0 } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back);
       max-width: 900px; margin: 24px auto; padding: 0 16px; overflow-wrap: anywhere }
h1 { font-size: 21px; margin: 0 0 4px } h2 { font-size: 16px; margin: 26px 0 8px }
.soft { color: var(--soft) } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; font-size: 14px } td, th { padding: 3px 14px 3px 0; vertical-align: top; text-align: left }
th { font-weight: normal; color: var(--soft); white-space: nowrap } th.number { text-align: right } tbody tr { border-top: 1px solid var(--line) }
td.path { font-family: ui-monospace, monospace; font-size: 13px } .bad { color: var(--bad); font-weight: 600 }
.box { border-left: 4px solid var(--warn); background: var(--box); padding: 8px 12px; margin: 8px 0 } .box.bad { border-color: var(--bad);
       color: inherit; font-weight: normal } svg { width: 100%; height: auto; display: block } svg text { font-size: 11px; fill: var(--soft) }
.key span { display: inline-block; width: 10px; height: 10px; margin: 0 5px 0 14px } .key span:first-child { margin-left: 0 }
.facts td:first-child { color: var(--soft); white-space: nowrap } .nowrap { white-space: nowrap }
@media screen { .wide { overflow-x: auto } .wide svg { min-width: 600px } }
)";

class Page {
  public:
    template <typename... Args>
    void put(fmt::format_string<Args...> text, Args&&... args) {
        format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
        out_ += '\n';
    }
    void heading(std::string_view title, std::string_view kind = "") {
        put("<section{}><h2>{}</h2>", kind.empty() ? "" : format(" class=\"{}\"", kind), escape_html(title));
    }
    void end() { put("</section>"); }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

enum class Unit : std::uint8_t { bytes, files, usd };

/// A round number at least as large as `value`: 1, 2 or 5 times a power of ten; of bytes, a power of two.
double nice_top(double value, Unit unit) {
    if (value <= 0) return 1;
    double base = unit == Unit::bytes ? 2 : 10;
    double step = std::pow(base, std::floor(std::log(value) / std::log(base)));
    for (double factor : {1.0, 2.0, 5.0, 10.0})
        if (step * factor >= value) return step * factor;
    return value;
}

/// A label of an axis up to `top`.
std::string amount(double value, double top, Unit unit) {
    if (unit == Unit::usd)
        return format("{:.{}f}", value, std::max(2, 1 - static_cast<int>(std::floor(std::log10(top)))));
    auto whole = static_cast<std::uint64_t>(value);
    return unit == Unit::bytes ? format_bytes(whole) : format_count(whole);
}

void begin_chart(Page& out, std::string_view label, double height) {
    out.put(R"x(<div class="wide"><svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">)x", kWidth,
            height, escape_html(label));
}

void end_chart(Page& out) {
    out.put("</svg></div>");
}

/// Lines and labels of the vertical axis from 0 to `top`.
void axis(Page& out, double top, Unit unit) {
    for (int i = 0; i <= 2; ++i) {
        double y = kTop + kPlotHeight * (1 - i / 2.0);
        out.put(R"x(<line x1="{0:.0f}" x2="{1:.0f}" y1="{2:.1f}" y2="{2:.1f}" stroke="var(--line)"/>)x",
                kLeft, kWidth - kRight, y);
        out.put(R"x(<text x="{:.0f}" y="{:.1f}" text-anchor="end">{}</text>)x", kLeft - 8, y + 4,
                amount(top * i / 2, top, unit));
    }
}

void rectangle(Page& out, double x, double y, double width, double height, std::string_view color,
               std::string_view title) {
    out.put(
        R"x(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="var(--{})"><title>{}</title></rect>)x",
        x, y, width, height, color, escape_html(title));
}

/// The first and the last date below a chart of that height.
void dates(Page& out, std::int64_t from_day, std::int64_t to_day, double height = kHeight) {
    double y = height - 7;
    out.put(R"x(<text x="{:.0f}" y="{:.0f}">{}</text>)x", kLeft, y, format_day(from_day));
    out.put(R"x(<text x="{:.0f}" y="{:.0f}" text-anchor="end">{}</text>)x", kWidth - kRight, y,
            format_day(to_day));
}

/// What each run stored.
void chart_sizes(Page& out, const SetReport& report) {
    std::vector<Bar> bars = stored_bars(report, kBarsMax);
    if (bars.size() < 2) return;
    double top = nice_top(static_cast<double>(longest_bar_bytes(bars)), Unit::bytes);
    out.heading(format("Stored by the last {} runs", bars.size()));
    begin_chart(out, "Stored by each run", kHeight);
    axis(out, top, Unit::bytes);
    double step = std::min(kPlotWidth / static_cast<double>(bars.size()), 40.0);
    for (std::size_t i = 0; i < bars.size(); ++i) {
        const Bar& bar = bars[i];
        double height = std::clamp(kPlotHeight * static_cast<double>(bar.bytes) / top, 1.0, kPlotHeight);
        rectangle(out, kLeft + step * static_cast<double>(i) + step * 0.1, kTop + kPlotHeight - height,
                  step * 0.8, height,
                  bar.bad    ? "bad"
                  : bar.full ? "full"
                             : "incr",
                  format("run {}, {}: {}", bar.run, format_local(bar.started).substr(0, 16),
                         format_bytes(bar.bytes)));
        if (static_cast<double>(bar.bytes) <= top) continue;
        double x = kLeft + step * static_cast<double>(i + 1);
        bool room = x < kWidth - 70;
        out.put(R"x(<text x="{:.1f}" y="{:.0f}" text-anchor="{}">{}{}</text>)x", room ? x + 2 : x - step - 2,
                kTop + 10, room ? "start" : "end", room ? "↑ " : "", format_bytes(bar.bytes));
    }
    dates(out, local_day(bars.front().started), local_day(bars.back().started));
    end_chart(out);
    out.put(
        R"x(<div class="key soft"><span style="background:var(--full)"></span>full (cut where there is an arrow))x"
        R"x(<span style="background:var(--incr)"></span>incremental<span style="background:var(--bad)"></span>with errors)x"
        "</div>");
    out.end();
}

struct Day {
    std::int64_t number = 0;  ///< local_day
    std::uint64_t added = 0, changed = 0, deleted = 0;
    std::uint64_t all() const { return added + changed + deleted; }
};

std::vector<Day> changes_by_day(const SetReport& report) {
    std::vector<Day> days;
    std::size_t begin = report.history.size() - std::min(kBarsMax, report.history.size());
    for (std::size_t i = begin; i < report.history.size(); ++i) {
        const SetReport::Run& run = report.history[i];
        if (i == 0) continue;  // everything is new to the first
        std::int64_t number = local_day(run.header.started);
        if (days.empty() || days.back().number != number) days.push_back({.number = number});
        days.back().added += run.trailer.counts.added;
        days.back().changed += run.trailer.counts.changed;
        days.back().deleted += run.trailer.counts.deleted;
    }
    return days;
}

/// Files added, changed and deleted, one on the other.
void chart_changes(Page& out, const SetReport& report) {
    std::vector<Day> days = changes_by_day(report);
    std::uint64_t most = 0;
    for (const Day& day : days) most = std::max(most, day.all());
    if (days.size() < 2 || most == 0) return;
    double top = nice_top(static_cast<double>(most), Unit::files);
    std::int64_t span = days.back().number - days.front().number + 1;
    double step = std::min(kPlotWidth / static_cast<double>(span), 40.0);
    out.heading("Files changed a day");
    begin_chart(out, "Files added, changed and deleted a day", kHeight);
    axis(out, top, Unit::files);
    for (const Day& day : days) {
        double x = kLeft + step * static_cast<double>(day.number - days.front().number) + step * 0.1;
        double y = kTop + kPlotHeight;
        std::string title =
            format("{}: {} added, {} changed, {} deleted", format_day(day.number), format_count(day.added),
                   format_count(day.changed), format_count(day.deleted));
        auto stack = [&](std::uint64_t count, std::string_view color) {
            double height = kPlotHeight * static_cast<double>(count) / top;
            y -= height;
            if (count > 0) rectangle(out, x, y, step * 0.8, height, color, title);
        };
        stack(day.added, "new");
        stack(day.changed, "chg");
        stack(day.deleted, "del");
    }
    dates(out, days.front().number, days.back().number);
    end_chart(out);
    out.put(
        R"x(<div class="key soft"><span style="background:var(--new)"></span>added)x"
        R"x(<span style="background:var(--chg)"></span>changed<span style="background:var(--del)"></span>deleted</div>)x");
    out.end();
}

/// One line a chain: its full run, and the runs on it, in time.
void chart_chains(Page& out, const SetReport& report) {
    constexpr double kRow = 24;
    constexpr std::size_t kChainsMax = 12;
    std::vector<std::uint32_t> chains;
    for (const SetReport::Run& run : report.history)
        if (chains.empty() || chains.back() != run.header.chain) chains.push_back(run.header.chain);
    if (report.history.size() < 2) return;
    if (chains.size() > kChainsMax) chains.erase(chains.begin(), chains.end() - kChainsMax);
    std::vector<const SetReport::Run*> runs;
    for (const SetReport::Run& run : report.history)
        if (run.header.chain >= chains.front()) runs.push_back(&run);
    Timestamp from = runs.front()->header.started;
    Timestamp to = runs.back()->header.started;
    double seconds = std::max<double>(static_cast<double>(to.sec - from.sec), 1);
    double height = kRow * static_cast<double>(chains.size()) + kBottom;
    out.heading("Chains");
    out.put(
        "<div class=\"soft\">A restore needs a full archive and the incremental ones up to the day.</div>");
    begin_chart(out, "Chains of archives in time", height);
    auto place = [&](const SetReport::Run& run) {
        return kLeft + (kPlotWidth - 10) * static_cast<double>(run.header.started.sec - from.sec) / seconds;
    };
    for (std::size_t row = 0; row < chains.size(); ++row) {
        double y = kRow * (static_cast<double>(row) + 0.5);
        double first = -1;
        double last = 0;
        std::uint64_t bytes = 0;
        for (const SetReport::Run* run : runs) {
            if (run->header.chain != chains[row]) continue;
            if (first < 0) first = place(*run);
            last = place(*run);
            bytes += run->trailer.counts.stored_bytes;
        }
        out.put(R"x(<text x="{:.0f}" y="{:.1f}" text-anchor="end">{}</text>)x", kLeft - 8, y + 4,
                format_bytes(bytes));
        out.put(
            R"x(<line x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}" stroke="var(--line)" stroke-width="2"/>)x",
            first, last + 6, y);
        for (const SetReport::Run* run : runs) {
            if (run->header.chain != chains[row]) continue;
            bool full = run->header.kind == archive::RunKind::full;
            rectangle(
                out, place(*run), y - (full ? 8 : 5), full ? 6 : 3, full ? 16 : 10,
                run->trailer.counts.errors > 0 ? "bad"
                : full                         ? "full"
                                               : "incr",
                format("run {}, {}: {}", run->header.run, format_local(run->header.started).substr(0, 16),
                       format_bytes(run->trailer.counts.stored_bytes)));
        }
    }
    dates(out, local_day(from), local_day(to), height);
    end_chart(out);
    out.end();
}

/// What keeping offsite costs, with each run in turn.
void chart_cost(Page& out, const SetReport& report) {
    double usd = 0;
    for (const SetReport::Run& run : report.history) usd += run.monthly_usd;
    if (report.history.size() < 2 || usd <= 0) return;
    double top = nice_top(usd, Unit::usd);
    Timestamp from = report.history.front().header.started;
    Timestamp to = std::max(report.now, report.history.back().header.started);
    double seconds = std::max<double>(static_cast<double>(to.sec - from.sec), 1);
    out.heading("Cost of what is offsite");
    out.put("<div class=\"soft\">US dollars a month{}</div>",
            report.offsite ? escape_html(clean("; now " + report.offsite->monthly_cost)) : "");
    begin_chart(out, "US dollars a month for what is offsite", kHeight);
    axis(out, top, Unit::usd);
    double bottom = kTop + kPlotHeight;
    std::string steps = format("M{:.1f} {:.1f}", kLeft, bottom);
    double sum = 0;
    double last_x = 0;
    for (const SetReport::Run& run : report.history) {
        sum += run.monthly_usd;
        double x = kLeft + kPlotWidth * static_cast<double>(run.header.started.sec - from.sec) / seconds;
        if (x - last_x < 0.5 && &run != &report.history.back()) continue;
        last_x = x;
        steps += format("H{:.1f}V{:.1f}", x, bottom - kPlotHeight * sum / top);
    }
    out.put(R"x(<path d="{}H{:.1f}V{:.1f}Z" fill="var(--incr)"/>)x", steps, kLeft + kPlotWidth, bottom);
    dates(out, local_day(from), local_day(to));
    end_chart(out);
    out.end();
}

void box(Page& out, bool bad, std::string_view title, std::string_view text, std::string_view hint = "") {
    out.put("<div class=\"box{}\">", bad ? " bad" : "");
    if (!title.empty()) out.put("<div class=\"{}\">{}</div>", bad ? "bad" : "soft", escape_html(title));
    out.put("{}", escape_html(clean(text)));
    if (!hint.empty()) out.put("<div class=\"soft\">{}</div>", escape_html(clean(hint)));
    out.put("</div>");
}

void tell_remarks(Page& out, const SetReport& report) {
    for (const Failure& failure : report.failures)
        box(out, true, format("{}, {}", failure_title(failure), format_local(failure.at)), failure.error,
            failure.hint);
    if (report.failures_left_out > 0)
        box(out, true, "",
            format("… and {} between them", plural(report.failures_left_out, "failure", "failures")));
    for (const Unusual& one : find_unusual(report)) box(out, one.alarm, "", one.text);
    for (const std::string& warning : report.warnings) box(out, false, "", warning);
    for (const std::string& note : run_notes(report)) box(out, false, "", note);
}

std::string cell(std::string_view text, std::string_view kind = "") {
    return kind.empty() ? format("<td>{}</td>", escape_html(text))
                        : format("<td class=\"{}\">{}</td>", kind, escape_html(text));
}

void tell_runs(Page& out, const SetReport& report) {
    std::vector<RunRow> rows = run_rows(report);
    if (rows.empty()) return;
    out.heading("Runs", "long");
    out.put(
        R"x(<div class="wide"><table><thead><tr><th class="number">run</th><th>kind</th><th>started</th><th class="number">added</th>)x"
        R"x(<th class="number">changed</th><th class="number">deleted</th><th class="number">errors</th>)x"
        R"x(<th class="number">stored</th><th class="number">took</th></tr></thead><tbody>)x");
    for (auto row = rows.rbegin(); row != rows.rend(); ++row)
        out.put("<tr>{}{}{}{}{}{}{}{}{}</tr>", cell(row->run, "number"), cell(row->kind),
                cell(row->started, "nowrap"), cell(row->added, "number"), cell(row->changed, "number"),
                cell(row->deleted, "number"), cell(row->errors, row->bad ? "number bad" : "number"),
                cell(row->stored, "number"), cell(row->duration, "number"));
    out.put("</tbody></table></div>");
    if (report.told() > rows.size())
        out.put("<div class=\"soft\">… and {} before them</div>", format_count(report.told() - rows.size()));
    out.end();
}

void tell_list(Page& out, std::string_view title, const std::vector<ListLine>& lines, std::uint64_t left_out,
               std::string_view where) {
    if (lines.empty() && left_out == 0) return;
    out.heading(title, "long");
    out.put("<table><tbody>");
    for (const ListLine& line : lines)
        out.put("<tr>{}{}{}{}</tr>", cell(format("run {}", line.run), "soft nowrap"), cell(line.word),
                cell(line.size, "number"), cell(line.text, "path"));
    out.put("</tbody></table>");
    if (left_out > 0) out.put("<div class=\"soft\">… and {} more{}</div>", format_count(left_out), where);
    out.end();
}

void tell_standing(Page& out, const SetReport& report) {
    out.heading("How it stands");
    out.put("<table class=\"facts\"><tbody>");
    for (const Fact& fact : standing_facts(report))
        out.put("<tr>{}{}</tr>", cell(fact.label), cell(fact.value));
    out.put("</tbody></table>");
    out.end();
}

}  // namespace

std::string report_page(const SetReport& report) {
    Page out;
    std::string subject = escape_html(subject_of(report));
    out.put("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.put("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>",
            subject);
    out.put("<style>{}</style></head><body>", kStyle);
    out.put("<h1>{}</h1><div class=\"soft\">{}, icecore {}</div>", subject, format_local(report.now),
            escape_html(report.program));
    tell_remarks(out, report);
    tell_standing(out, report);
    chart_sizes(out, report);
    chart_changes(out, report);
    chart_chains(out, report);
    chart_cost(out, report);
    CutList problems = problem_list(report);
    tell_list(out, "Could not be read", problems.lines, problems.left_out, "");
    tell_runs(out, report);
    tell_list(out, "Largest files added or changed", biggest_list(report), 0, "");
    CutList changes = change_list(report);
    tell_list(out, "What changed", changes.lines, changes.left_out, ", in the logs");
    out.put("</body></html>");
    return out.take();
}

}  // namespace icecore::report
