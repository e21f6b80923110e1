#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "base/units.h"
#include "report/mail_message.h"
#include "report/report_words.h"

// Mail programs show tables and inline styles; style sheets, SVG and scripts they drop, and images only on
// request. So the chart is a table: a bar is a cell with a colour and a width.
namespace icecore::report {
namespace {

constexpr std::size_t kBarsMax = 30;
constexpr int kBarPixels = 300;

constexpr std::string_view kRed = "#b00020";
constexpr std::string_view kBlue = "#2b6cb0";
constexpr std::string_view kLight = "#90b4d8";

class Html {
  public:
    template <typename... Args>
    void put(fmt::format_string<Args...> text, Args&&... args) {
        format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
        out_ += '\n';
    }
    void heading(std::string_view title) {
        put(R"(<h3 style="margin:18px 0 6px;font-size:15px">{}</h3>)", escape_html(title));
    }
    void begin_table() {
        put(R"(<table cellpadding="0" cellspacing="0" style="border-collapse:collapse;font-size:13px">)");
    }
    void end_table() { put("</table>"); }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

std::string cell(std::string_view text, std::string_view style = "") {
    return format(R"(<td style="padding:2px 10px 2px 0;vertical-align:top;{}">{}</td>)", style,
                  escape_html(text));
}

constexpr std::string_view kRight = "text-align:right;white-space:nowrap";
constexpr std::string_view kNoWrap = "white-space:nowrap";
constexpr std::string_view kPath = "font-family:monospace;word-break:break-all";
constexpr std::string_view kHead = "color:#666666;white-space:nowrap";
constexpr std::string_view kHeadRight = "color:#666666;white-space:nowrap;text-align:right";

void tell_failures(Html& out, const SetReport& report) {
    for (const Failure& failure : report.failures) {
        out.put(R"(<div style="border-left:4px solid {};padding:4px 10px;margin:8px 0">)", kRed);
        out.put(R"(<b style="color:{}">{}</b> {}<br>{})", kRed, failure_title(failure),
                format_local(failure.at), escape_html(clean(failure.error)));
        if (!failure.hint.empty())
            out.put(R"(<br><span style="color:#666666">{}</span>)", escape_html(clean(failure.hint)));
        out.put("</div>");
    }
    if (report.failures_left_out > 0)
        out.put("<div>… and {} between them</div>", plural(report.failures_left_out, "failure", "failures"));
}

void tell_remarks(Html& out, const SetReport& report) {
    auto box = [&](std::string_view color, const std::string& text) {
        out.put(R"(<div style="border-left:4px solid {};padding:4px 10px;margin:8px 0">{}</div>)", color,
                escape_html(clean(text)));
    };
    for (const Unusual& one : find_unusual(report)) box(one.alarm ? kRed : "#c77700", one.text);
    for (const std::string& warning : report.warnings) box("#c77700", warning);
    for (const std::string& note : run_notes(report)) box("#999999", note);
}

void tell_problems(Html& out, const SetReport& report) {
    CutList list = problem_list(report);
    if (list.lines.empty() && list.left_out == 0) return;
    out.heading("Could not be read");
    out.begin_table();
    for (const ListLine& line : list.lines)
        out.put("<tr>{}{}</tr>", cell(format("run {}", line.run), kNoWrap), cell(line.text, kPath));
    out.end_table();
    if (list.left_out > 0) out.put("<div>… and {} more</div>", format_count(list.left_out));
}

void tell_runs(Html& out, const SetReport& report) {
    std::vector<RunRow> rows = run_rows(report);
    if (rows.empty()) return;
    out.heading("Runs");
    out.begin_table();
    out.put("<tr>{}{}{}{}{}{}{}{}{}</tr>", cell("run", kHeadRight), cell("kind", kHead),
            cell("started", kHead), cell("added", kHeadRight), cell("changed", kHeadRight),
            cell("deleted", kHeadRight), cell("errors", kHeadRight), cell("stored", kHeadRight),
            cell("took", kHeadRight));
    for (const RunRow& row : rows) {
        std::string errors =
            row.bad ? format("{};color:{};font-weight:bold", kRight, kRed) : std::string(kRight);
        out.put("<tr>{}{}{}{}{}{}{}{}{}</tr>", cell(row.run, kRight), cell(row.kind),
                cell(row.started, kNoWrap), cell(row.added, kRight), cell(row.changed, kRight),
                cell(row.deleted, kRight), cell(row.errors, errors), cell(row.stored, kRight),
                cell(row.duration, kRight));
    }
    out.end_table();
    if (report.told() > rows.size())
        out.put("<div>… and {} before them</div>", format_count(report.told() - rows.size()));
}

void tell_biggest(Html& out, const SetReport& report) {
    std::vector<ListLine> biggest = biggest_list(report);
    if (biggest.empty()) return;
    out.heading("Largest files added or changed");
    out.begin_table();
    for (const ListLine& line : biggest)
        out.put("<tr>{}{}{}</tr>", cell(line.size, kRight), cell(line.text, kPath),
                cell(format("run {}, {}", line.run, line.word), "color:#666666;white-space:nowrap"));
    out.end_table();
}

void tell_standing(Html& out, const SetReport& report) {
    out.heading("How it stands");
    out.begin_table();
    for (const Fact& fact : standing_facts(report))
        out.put("<tr>{}{}</tr>", cell(fact.label, kHead), cell(fact.value));
    out.end_table();
}

void tell_chart(Html& out, const SetReport& report) {
    std::vector<Bar> bars = stored_bars(report, kBarsMax);
    if (bars.size() < 2) return;
    std::uint64_t longest = longest_bar_bytes(bars);
    out.heading(format("Stored by the last {} runs", bars.size()));
    out.begin_table();
    for (const Bar& bar : bars) {
        double share = static_cast<double>(std::min(bar.bytes, longest)) / static_cast<double>(longest);
        int pixels = 1 + static_cast<int>(share * kBarPixels);
        std::string_view color = bar.bad ? kRed : bar.full ? kBlue : kLight;
        out.put(
            R"(<tr>{}<td style="padding:1px 0"><table cellpadding="0" cellspacing="0"><tr>)"
            R"(<td width="{}" style="width:{}px;height:11px;background:{};font-size:1px" bgcolor="{}">&nbsp;</td>)"
            R"(<td style="padding-left:6px;font-size:12px;white-space:nowrap">{}{}</td></tr></table></td></tr>)",
            cell(format("{}", bar.run), "text-align:right;color:#666666;font-size:12px;padding:0 8px 0 0"),
            pixels, pixels, color, color, format_bytes(bar.bytes),
            bar.bytes > longest ? ", full (cut)"
            : bar.full          ? ", full"
                                : "");
    }
    out.end_table();
}

void tell_changes(Html& out, const SetReport& report) {
    CutList list = change_list(report);
    if (list.lines.empty()) return;
    out.heading("What changed");
    out.begin_table();
    for (const ListLine& line : list.lines)
        out.put("<tr>{}{}{}{}</tr>", cell(format("{}", line.run), kHeadRight), cell(line.word),
                cell(line.size, kRight), cell(line.text, kPath));
    out.end_table();
    if (list.left_out > 0) out.put("<div>… and {} more, in the logs</div>", format_count(list.left_out));
}

}  // namespace

std::string report_mail_html(const SetReport& report) {
    Html out;
    std::string subject = escape_html(subject_of(report));
    out.put("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{}</title></head>", subject);
    out.put(R"(<body style="font-family:sans-serif;font-size:14px;color:#202020;background:#ffffff">)");
    out.put(R"(<h2 style="font-size:17px;margin:4px 0 8px">{}</h2>)", subject);
    tell_failures(out, report);
    tell_remarks(out, report);
    tell_problems(out, report);
    tell_runs(out, report);
    tell_biggest(out, report);
    tell_standing(out, report);
    tell_chart(out, report);
    tell_changes(out, report);
    out.put(R"(<p style="color:#666666;font-size:12px">icecore {} on {}</p></body></html>)",
            escape_html(report.program), escape_html(clean(report.host)));
    return out.take();
}

}  // namespace icecore::report
