#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "cli/messages.h"
#include "engine/environment.h"

namespace icecore::cli {

/// One line on a terminal that says how far a command is: phase, files, bytes, rate, ratio, and the time left
/// where totals are known. Drawn over itself at most ten times a second, never wider than the terminal, gone
/// after erase(). Draws with carriage returns and spaces only. One thread at a time; `out` and `clock` must
/// outlive it.
class ProgressLine {
  public:
    ProgressLine(std::ostream& out, const Clock& clock, unsigned width_columns);
    ~ProgressLine();
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    void update(const engine::Progress& progress);
    void erase();

    static constexpr std::int64_t kRedrawIntervalNs = 100'000'000;

  private:
    std::string text(const engine::Progress& progress, std::int64_t now_ns) const;

    std::ostream& out_;
    const Clock& clock_;
    std::size_t width_columns_;
    std::optional<std::int64_t> drawn_ns_;  ///< when it was last drawn
    std::size_t drawn_columns_ = 0;         ///< what stands on the terminal
    std::optional<engine::Progress::Phase> phase_;
    std::int64_t phase_started_ns_ = 0;
    std::uint64_t phase_first_bytes_ = 0;
};

/// Tells a person what the engine reports: progress on a terminal (unless quiet), warnings above it. Where
/// messages are events, progress is one, too, once a second at most.
class TerminalObserver final : public engine::Observer {
  public:
    /// `show_progress`: draw the line. All references must outlive it.
    TerminalObserver(std::ostream& err, const Clock& clock, unsigned width_columns, bool show_progress,
                     Messages& messages);
    void progress(const engine::Progress& progress) override;
    void warning(std::string_view message) override;
    /// Takes the line away, before anything else is printed.
    void finish();

    static constexpr std::int64_t kEventIntervalNs = 1'000'000'000;

  private:
    void tell_event(const engine::Progress& progress);

    std::ostream& err_;
    const Clock& clock_;
    ProgressLine line_;
    bool show_progress_;
    Messages& messages_;
    std::optional<std::int64_t> told_ns_;  ///< when the last event was
    std::optional<engine::Progress::Phase> told_phase_;
};

}  // namespace icecore::cli
