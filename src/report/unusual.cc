#include <algorithm>
#include <numeric>

#include "base/format.h"
#include "base/units.h"
#include "report/set_report.h"

namespace icecore::report {
namespace {

using archive::RunCounts;
using archive::RunKind;

// A small tree changes as a whole now and then; what is unusual needs some numbers.
constexpr std::uint64_t kFilesMin = 50;
constexpr std::uint64_t kReadBytesMin = 16 << 20;
constexpr double kMostFiles = 0.5;
constexpr double kLargeShare = 0.3;
/// Stored / read: what is encrypted or compressed already gives 1; these are for what gives much less.
constexpr double kIncompressible = 0.95;
constexpr double kUsuallyCompressible = 0.80;
constexpr std::size_t kRunsCompared = 10;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kQuietDays = 21;
constexpr std::int64_t kGapSecondsMin = 2 * kDaySeconds;

constexpr int kAlarm = 2;

struct Remark {
    int weight;  ///< the largest is told first; from kAlarm on, at once
    std::string text;
};

int percent(std::uint64_t part, std::uint64_t whole) {
    return static_cast<int>(static_cast<double>(part) * 100 / static_cast<double>(whole));
}

std::optional<double> stored_share(const RunCounts& counts) {
    if (counts.read_bytes < kReadBytesMin) return std::nullopt;
    return static_cast<double>(counts.stored_bytes) / static_cast<double>(counts.read_bytes);
}

/// The median of what runs before `index` came to; nullopt if too few of them read enough to say.
std::optional<double> usual_share(const SetReport& report, std::size_t index) {
    std::vector<double> shares;
    for (std::size_t i = index; i > 0 && shares.size() < kRunsCompared; --i)
        if (auto share = stored_share(report.history[i - 1].trailer.counts)) shares.push_back(*share);
    if (shares.empty()) return std::nullopt;
    auto middle = shares.begin() + static_cast<std::ptrdiff_t>(shares.size() / 2);
    std::nth_element(shares.begin(), middle, shares.end());
    return *middle;
}

void compare(const SetReport& report, std::size_t index, std::vector<Remark>& remarks) {
    const SetReport::Run& run = report.history[index];
    const RunCounts& counts = run.trailer.counts;
    const RunCounts& before = report.history[index - 1].trailer.counts;
    if (run.header.interrupted || report.history[index - 1].header.interrupted) return;  // parts of a tree
    bool ciphered = false;
    auto share = stored_share(counts);
    auto usual = usual_share(report, index);
    if (share && usual && *share >= kIncompressible && *usual <= kUsuallyCompressible) {
        ciphered = true;
        remarks.push_back(
            {4, format("run {}: what was stored can no longer be compressed ({}% of its size is left, {}% is "
                       "usual): "
                       "has somebody encrypted the files?",
                       run.header.run, static_cast<int>(*share * 100), static_cast<int>(*usual * 100))});
    }
    if (before.files < kFilesMin) return;
    std::uint64_t touched = counts.changed + std::min(counts.added, counts.deleted);
    if (static_cast<double>(touched) >= kMostFiles * static_cast<double>(before.files))
        remarks.push_back(
            {ciphered ? 5 : 3, format("run {}: {}% of the files changed or were replaced ({} of {}): is "
                                      "that what was meant, or ransomware?",
                                      run.header.run, percent(touched, before.files), format_count(touched),
                                      format_count(before.files))});
    if (static_cast<double>(counts.deleted) >= kLargeShare * static_cast<double>(before.files))
        remarks.push_back({2, format("run {}: {}% of the files were deleted ({} of {})", run.header.run,
                                     percent(counts.deleted, before.files), format_count(counts.deleted),
                                     format_count(before.files))});
}

/// The usual time between runs: the median of the last ones before `index`, in seconds.
std::optional<std::int64_t> usual_gap(const SetReport& report, std::size_t index) {
    std::vector<std::int64_t> gaps;
    for (std::size_t i = index; i > 1 && gaps.size() < kRunsCompared; --i)
        gaps.push_back(report.history[i - 1].header.started.sec - report.history[i - 2].header.started.sec);
    if (gaps.size() < 2) return std::nullopt;
    auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
    std::nth_element(gaps.begin(), middle, gaps.end());
    return *middle;
}

std::string days(std::int64_t seconds) {
    if (seconds < 2 * kDaySeconds) return format("{} hours", seconds / 3600);
    return format("{} days", seconds / kDaySeconds);
}

/// `until`: the start of the run `index`, or, behind the last one, now.
void find_gap(const SetReport& report, std::size_t index, Timestamp until, std::vector<Remark>& remarks) {
    std::int64_t gap = until.sec - report.history[index - 1].header.started.sec;
    auto usual = usual_gap(report, index);
    if (!usual || gap < kGapSecondsMin || gap < 3 * *usual) return;
    bool last = index == report.history.size();
    remarks.push_back({1, format("no run {} {} (usually every {})",
                                 last ? "for" : format("before run {} for", report.history[index].header.run),
                                 days(gap), days(*usual))});
}

void find_silence(const SetReport& report, std::vector<Remark>& remarks) {
    const auto& history = report.history;
    std::size_t quiet = 0;  // runs at the end that found nothing
    while (quiet < history.size()) {
        const SetReport::Run& run = history[history.size() - 1 - quiet];
        const RunCounts& counts = run.trailer.counts;
        if (counts.added + counts.changed + counts.deleted + counts.renamed > 0) break;
        ++quiet;
    }
    if (quiet < 2 || quiet == history.size()) return;
    Timestamp last_change = history[history.size() - 1 - quiet].header.started;
    std::int64_t seconds = history.back().header.started.sec - last_change.sec;
    if (seconds >= kQuietDays * kDaySeconds)
        remarks.push_back(
            {1, format("nothing has changed for {}: is that the right directory, and is its disk mounted?",
                       days(seconds))});
}

}  // namespace

std::vector<Unusual> find_unusual(const SetReport& report) {
    std::vector<Remark> remarks;
    for (std::size_t i = std::max<std::size_t>(report.first, 1); i < report.history.size(); ++i) {
        compare(report, i, remarks);
        find_gap(report, i, report.history[i].header.started, remarks);
    }
    if (!report.history.empty()) {
        find_gap(report, report.history.size(), report.now, remarks);
        find_silence(report, remarks);
    }
    std::stable_sort(remarks.begin(), remarks.end(),
                     [](const Remark& a, const Remark& b) { return a.weight > b.weight; });
    std::vector<Unusual> unusual;
    for (Remark& remark : remarks) unusual.push_back({std::move(remark.text), remark.weight >= kAlarm});
    return unusual;
}

}  // namespace icecore::report
