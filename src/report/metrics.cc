#include "report/metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "base/format.h"
#include "base/text.h"

namespace icecore::report {
namespace {

struct Metric {
    std::string_view name;
    std::string_view help;
    /// Its value after a run; nullopt: not known, and what was told before stays if `keeps`.
    std::optional<double> (*value)(const RunFacts&);
    bool keeps = false;
};

double seconds_of(Timestamp time) {
    return static_cast<double>(time.sec);
}

template <std::uint64_t archive::RunCounts::*Count>
std::optional<double> count(const RunFacts& facts) {
    if (!facts.header) return std::nullopt;
    return static_cast<double>(facts.trailer.counts.*Count);
}

std::optional<double> run_number(const RunFacts& facts) {
    if (!facts.header) return std::nullopt;
    return facts.header->run;
}

std::optional<double> last_success(const RunFacts& facts) {
    if (facts.result == RunFacts::Result::failed) return std::nullopt;
    return seconds_of(facts.finished);
}

std::optional<double> offsite_snapshot(const RunFacts& facts) {
    if (!facts.offsite_snapshot) return std::nullopt;
    return seconds_of(*facts.offsite_snapshot);
}

template <std::uint64_t RunFacts::Upload::*Count>
std::optional<double> upload_count(const RunFacts& facts) {
    if (!facts.upload) return std::nullopt;
    return static_cast<double>((*facts.upload).*Count);
}

using archive::RunCounts;

/// In the file's order. All are gauges: each says how things stand after the last run.
constexpr std::array<Metric, 18> kMetrics = {{
    {"icecore_last_run_timestamp_seconds", "When the last run ended, successful or not.",
     [](const RunFacts& facts) { return std::optional(seconds_of(facts.finished)); }},
    {"icecore_last_success_timestamp_seconds", "When the last run ended that made an archive.", last_success,
     true},
    {"icecore_last_exit_status", "Exit status of the last run: 0 done, 1 failed, 3 some files unreadable.",
     [](const RunFacts& facts) { return std::optional<double>(facts.exit_status); }},
    {"icecore_last_duration_seconds", "How long the last run took.",
     [](const RunFacts& facts) { return std::optional(facts.seconds()); }},
    {"icecore_run_number", "Number of the last run that made an archive.", run_number, true},
    {"icecore_last_errors", "Files that the last run could not read.", count<&RunCounts::errors>},
    {"icecore_files", "Files in the tree, directories not counted.", count<&RunCounts::files>, true},
    {"icecore_tree_bytes", "Sizes of all files in the tree.", count<&RunCounts::tree_bytes>, true},
    {"icecore_last_added_files", "Files that the last run found new.", count<&RunCounts::added>},
    {"icecore_last_changed_files", "Files that the last run found changed.", count<&RunCounts::changed>},
    {"icecore_last_deleted_files", "Files that the last run found deleted.", count<&RunCounts::deleted>},
    {"icecore_last_renamed_files", "Names that the last run found renamed.", count<&RunCounts::renamed>},
    {"icecore_last_read_bytes", "Content that the last run read.", count<&RunCounts::read_bytes>},
    {"icecore_last_stored_bytes", "Size of the last run's archive.", count<&RunCounts::stored_bytes>},
    {"icecore_last_uploaded_bytes", "What the last run stored offsite.",
     upload_count<&RunFacts::Upload::bytes>},
    {"icecore_waiting_files", "Files that are not offsite yet.",
     upload_count<&RunFacts::Upload::waiting_files>, true},
    {"icecore_waiting_bytes", "Size of the files that are not offsite yet.",
     upload_count<&RunFacts::Upload::waiting_bytes>, true},
    {"icecore_offsite_snapshot_timestamp_seconds",
     "When the newest run began that is complete offsite with its chain.", offsite_snapshot, true},
}};

/// A label's value as the format wants it.
std::string label(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '\n')
            out += "\\n";
        else if (c == '"' || c == '\\')
            out += {'\\', c};
        else
            out += c;
    }
    return out;
}

/// Counts without a fraction, so that nobody reads 1.7e+09.
std::string number_text(double value) {
    bool whole = value == static_cast<double>(static_cast<std::int64_t>(value));
    return whole ? std::to_string(static_cast<std::int64_t>(value)) : format("{:.3f}", value);
}

/// The samples "NAME{set="SET"} VALUE" of a file, by name and, within it, by their label's text.
using Samples = std::map<std::string, std::map<std::string, std::string>, std::less<>>;

Samples parse(std::string_view text) {
    Samples samples;
    while (!text.empty()) {
        std::string_view line = take_line(text);
        constexpr std::string_view kOpen = "{set=\"";
        constexpr std::string_view kClose = "\"} ";
        std::size_t open = line.find(kOpen);
        std::size_t close = line.rfind(kClose);
        if (line.starts_with('#') || open == std::string_view::npos || close == std::string_view::npos ||
            close < open + kOpen.size())
            continue;
        std::string_view set = line.substr(open + kOpen.size(), close - open - kOpen.size());
        samples[std::string(line.substr(0, open))][std::string(set)] = line.substr(close + kClose.size());
    }
    return samples;
}

}  // namespace

std::string metrics_text(std::string_view before, const std::vector<std::string>& sets,
                         const RunFacts& facts) {
    std::set<std::string> labels;
    for (const std::string& set : sets) labels.insert(label(set));
    Samples samples = parse(before);
    std::string set = label(facts.set);
    std::string out;
    for (const Metric& metric : kMetrics) {
        std::map<std::string, std::string>& by_set = samples[std::string(metric.name)];
        std::erase_if(by_set, [&](const auto& sample) { return !labels.contains(sample.first); });
        if (std::optional<double> value = metric.value(facts))
            by_set[set] = number_text(*value);
        else if (!metric.keeps)
            by_set.erase(set);
        if (by_set.empty()) continue;
        out += format("# HELP {0} {1}\n# TYPE {0} gauge\n", metric.name, metric.help);
        for (const auto& [of_set, value] : by_set)
            out += format("{}{{set=\"{}\"}} {}\n", metric.name, of_set, value);
    }
    return out;
}

}  // namespace icecore::report
