#include "cli/progress_line.h"

#include <algorithm>

#include "base/format.h"
#include "base/json.h"
#include "base/units.h"

namespace icecore::cli {
namespace {

using engine::Progress;

std::string_view phase_text(Progress::Phase phase) {
    switch (phase) {
        case Progress::Phase::scanning:
            return "scanning";
        case Progress::Phase::planning:
            return "planning";
        case Progress::Phase::packing:
            return "packing";
        case Progress::Phase::finishing:
            return "finishing";
        case Progress::Phase::restoring:
            return "restoring";
        case Progress::Phase::rebuilding:
            return "rebuilding the catalogue";
        case Progress::Phase::uploading:
            return "uploading";
        case Progress::Phase::verifying:
            return "verifying";
        case Progress::Phase::fetching:
            return "fetching";
        case Progress::Phase::adopting:
            return "adopting";
    }
    return "working";
}

/// A rate means nothing in the first moments of a phase.
constexpr double kRateSecondsMin = 0.5;

}  // namespace

ProgressLine::ProgressLine(std::ostream& out, const Clock& clock, unsigned width_columns)
    : out_(out), clock_(clock), width_columns_(std::max(width_columns, 20U) - 1) {}

ProgressLine::~ProgressLine() {
    erase();
}

void ProgressLine::update(const Progress& progress) {
    std::int64_t now_ns = clock_.monotonic_ns();
    if (phase_ != progress.phase) {
        phase_ = progress.phase;
        phase_started_ns_ = now_ns;
        phase_first_bytes_ = progress.bytes;
    }
    if (drawn_ns_ && now_ns - *drawn_ns_ < kRedrawIntervalNs) return;
    std::string line = text(progress, now_ns);
    std::size_t columns = line.size();
    line.resize(std::max(columns, drawn_columns_), ' ');
    out_ << '\r' << line;
    out_.flush();
    drawn_columns_ = columns;
    drawn_ns_ = now_ns;
}

void ProgressLine::erase() {
    if (drawn_columns_ == 0) return;
    out_ << '\r' << std::string(drawn_columns_, ' ') << '\r';
    out_.flush();
    drawn_columns_ = 0;
    drawn_ns_.reset();
}

/// "packing  12,345/99,999 files  1.20/23.4 GiB  123 MiB/s  2.5:1  3 min 05 s left", ASCII, cut to the width.
std::string ProgressLine::text(const Progress& progress, std::int64_t now_ns) const {
    std::string line(phase_text(progress.phase));
    line += "  " + format_count(progress.files);
    if (progress.files_total > 0) line += "/" + format_count(progress.files_total);
    line += " files  " + format_bytes(progress.bytes);
    if (progress.bytes_total > 0) line += "/" + format_bytes(progress.bytes_total);
    double seconds = static_cast<double>(now_ns - phase_started_ns_) / 1e9;
    std::uint64_t done_bytes = progress.bytes - std::min(progress.bytes, phase_first_bytes_);
    if (seconds >= kRateSecondsMin && done_bytes > 0) {
        double rate = static_cast<double>(done_bytes) / seconds;
        line += format("  {}/s", format_bytes(static_cast<std::uint64_t>(rate)));
        if (progress.stored_bytes > 0) {
            line += format("  {:.1f}:1",
                           static_cast<double>(progress.bytes) / static_cast<double>(progress.stored_bytes));
        }
        if (progress.bytes_total > progress.bytes) {
            double left = static_cast<double>(progress.bytes_total - progress.bytes) / rate;
            line += format("  {} left", format_duration(left));
        }
    }
    if (line.size() > width_columns_) line.resize(width_columns_);
    return line;
}

TerminalObserver::TerminalObserver(std::ostream& err, const Clock& clock, unsigned width_columns,
                                   bool show_progress, Messages& messages)
    : err_(err),
      clock_(clock),
      line_(err, clock, width_columns),
      show_progress_(show_progress),
      messages_(messages) {}

void TerminalObserver::progress(const Progress& progress) {
    if (messages_.style == Messages::Style::events)
        tell_event(progress);
    else if (show_progress_)
        line_.update(progress);
}

void TerminalObserver::tell_event(const Progress& progress) {
    std::int64_t now_ns = clock_.monotonic_ns();
    if (told_phase_ == progress.phase && told_ns_ && now_ns - *told_ns_ < kEventIntervalNs) return;
    told_ns_ = now_ns;
    told_phase_ = progress.phase;
    std::string line;
    JsonWriter json(line);
    json.begin_object().field("event", "progress").field("phase", phase_text(progress.phase));
    json.field("files", progress.files).field("files_total", progress.files_total);
    json.field("bytes", progress.bytes).field("bytes_total", progress.bytes_total);
    json.field("stored_bytes", progress.stored_bytes).end_object();
    err_ << line << '\n';
    err_.flush();
}

void TerminalObserver::warning(std::string_view message) {
    line_.erase();
    messages_.warning(message);
}

void TerminalObserver::finish() {
    line_.erase();
}

}  // namespace icecore::cli
