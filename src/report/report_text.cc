#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "base/units.h"
#include "report/report_words.h"

namespace icecore::report {
namespace {

constexpr std::size_t kBarsMax = 20;
constexpr std::size_t kBarColumns = 40;

class Text {
  public:
    template <typename... Args>
    void line(fmt::format_string<Args...> text, Args&&... args) {
        format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
        out_ += '\n';
    }
    void heading(std::string_view title) { line("\n{}", title); }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

void tell_failures(Text& out, const SetReport& report) {
    for (const Failure& failure : report.failures) {
        out.heading(format("{}, {}", failure_title(failure), format_local(failure.at)));
        out.line("  {}", clean(failure.error));
        if (!failure.hint.empty()) out.line("  hint: {}", clean(failure.hint));
    }
    if (report.failures_left_out > 0)
        out.line("\n… and {} between them", plural(report.failures_left_out, "failure", "failures"));
}

void tell_remarks(Text& out, const SetReport& report) {
    std::vector<Unusual> unusual = find_unusual(report);
    std::vector<std::string> notes = run_notes(report);
    if (unusual.empty() && report.warnings.empty() && notes.empty()) return;
    out.heading("To be looked at");
    for (const Unusual& one : unusual) out.line("  {}", one.text);
    for (const std::string& warning : report.warnings) out.line("  {}", clean(warning));
    for (const std::string& note : notes) out.line("  {}", note);
}

void tell_problems(Text& out, const SetReport& report) {
    CutList list = problem_list(report);
    if (list.lines.empty() && list.left_out == 0) return;
    out.heading("Could not be read");
    for (const ListLine& line : list.lines) out.line("  run {}: {}", line.run, line.text);
    if (list.left_out > 0) out.line("  … and {} more", format_count(list.left_out));
}

void tell_runs(Text& out, const SetReport& report) {
    std::vector<RunRow> rows = run_rows(report);
    if (rows.empty()) return;
    out.heading("Runs");
    std::string_view form = "  {:>5}  {:<7}  {:<16}  {:>7}  {:>7}  {:>7}  {:>6}  {:>9}  {}";
    out.line(fmt::runtime(form), "RUN", "KIND", "STARTED", "ADDED", "CHANGED", "DELETED", "ERRORS", "STORED",
             "TOOK");
    for (const RunRow& row : rows)
        out.line(fmt::runtime(form), row.run, row.kind, row.started, row.added, row.changed, row.deleted,
                 row.errors, row.stored, row.duration);
    if (report.told() > rows.size())
        out.line("  … and {} before them", format_count(report.told() - rows.size()));
}

void tell_biggest(Text& out, const SetReport& report) {
    std::vector<ListLine> biggest = biggest_list(report);
    if (biggest.empty()) return;
    out.heading("Largest files added or changed");
    for (const ListLine& line : biggest)
        out.line("  {:>9}  {}  (run {}, {})", line.size, line.text, line.run, line.word);
}

void tell_chart(Text& out, const SetReport& report) {
    std::vector<Bar> bars = stored_bars(report, kBarsMax);
    if (bars.size() < 2) return;
    std::uint64_t longest = longest_bar_bytes(bars);
    out.heading(format("Stored by the last {} runs", bars.size()));
    for (const Bar& bar : bars) {
        bool cut = bar.bytes > longest;
        double share = static_cast<double>(std::min(bar.bytes, longest)) / static_cast<double>(longest);
        auto columns = static_cast<std::size_t>(share * kBarColumns);
        out.line("  {:>5}  {:>9}  {}{}{}", bar.run, format_bytes(bar.bytes),
                 std::string(std::max<std::size_t>(columns, 1), '#'), cut ? ">" : "",
                 bar.full ? " full" : "");
    }
}

void tell_changes(Text& out, const SetReport& report) {
    CutList list = change_list(report);
    if (list.lines.empty()) return;
    out.heading("What changed");
    for (const ListLine& line : list.lines)
        out.line("  {:>5}  {:<8}  {:>9}  {}", line.run, line.word, line.size.empty() ? "-" : line.size,
                 line.text);
    if (list.left_out > 0) out.line("  … and {} more, in the logs", format_count(list.left_out));
}

}  // namespace

std::string report_text(const SetReport& report) {
    Text out;
    out.line("{}", subject_of(report));
    tell_failures(out, report);
    tell_remarks(out, report);
    tell_problems(out, report);
    tell_runs(out, report);
    tell_biggest(out, report);
    out.heading("How it stands");
    for (const Fact& fact : standing_facts(report)) out.line("  {:<10}{}", fact.label, fact.value);
    tell_chart(out, report);
    tell_changes(out, report);
    return out.take();
}

}  // namespace icecore::report
