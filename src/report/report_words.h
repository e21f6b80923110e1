#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "report/set_report.h"

/// What the text, the mail and the page say in the same words.
namespace icecore::report {

/// "FAILED", "NOT OFFSITE: run 3", "PROBLEM: run 3".
std::string failure_title(const Failure& failure);

/// A label and what stands beside it.
struct Fact {
    std::string label;
    std::string value;
};
/// How the set stands: tree, archives, offsite, next full run. Values may hold foreign text; it is one line.
std::vector<Fact> standing_facts(const SetReport& report);

/// A row of the table of runs that are told of.
struct RunRow {
    std::string run, kind, started, added, changed, deleted, errors, stored, duration;
    bool bad = false;  ///< with errors, or interrupted
};

/// Of the last SetReport::kDetailedMax runs that are told of, ascending.
std::vector<RunRow> run_rows(const SetReport& report);

/// A line of a list, with the run it is of.
struct ListLine {
    std::uint32_t run = 0;
    std::string size;  ///< or empty
    std::string word;
    std::string text;
};
/// A list that was cut.
struct CutList {
    std::vector<ListLine> lines;
    std::uint64_t left_out = 0;
};
/// "run 3: removed 2 unfinished files of an interrupted run": what the logs remark on runs as a whole.
std::vector<std::string> run_notes(const SetReport& report);
CutList problem_list(const SetReport& report);                ///< what could not be read
CutList change_list(const SetReport& report);                 ///< what changed, the newest run first
std::vector<ListLine> biggest_list(const SetReport& report);  ///< of what was added or changed

/// A bar of the chart of the last runs: what each stored.
struct Bar {
    std::uint32_t run = 0;
    std::uint64_t bytes = 0;
    bool full = false;
    bool bad = false;
    Timestamp started;
};
/// Of the last `count` runs, ascending.
std::vector<Bar> stored_bars(const SetReport& report, std::size_t count);

/// What the longest bar stands for: the largest of incremental runs, where there are some, for a full one
/// would leave nothing to see of them; a larger bar is cut. At least 1.
std::uint64_t longest_bar_bytes(const std::vector<Bar>& bars);

/// One line of valid UTF-8.
std::string clean(std::string_view text);

}  // namespace icecore::report
