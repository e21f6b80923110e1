#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace icecore::report {

/// One line of a run's log between heading and totals, as RunLog wrote it. The text is escaped.
struct LogLine {
    std::string word;         ///< "added", "changed", "deleted", …
    std::uint64_t bytes = 0;  ///< to three digits, as the log has it
    bool has_size = false;    ///< regular files
    std::string text;
};

/// What of a log fits into a mail. Memory does not grow with the log.
struct LogDigest {
    static constexpr std::size_t kProblemsMax = 50;
    static constexpr std::size_t kBiggestMax = 10;
    static constexpr std::size_t kLinesMax = 100;

    bool missing = false;  ///< there is no log, or it cannot be read
    std::uint64_t lines = 0;
    std::uint64_t problems = 0;
    std::vector<std::string> first_problems;
    std::vector<std::string> notes;    ///< at most kProblemsMax
    std::vector<LogLine> biggest;      ///< of what was added or changed, largest first
    std::vector<LogLine> first_lines;  ///< of what changed: all but problems and notes
};

/// Reads a log from its beginning to its end. A file that is no log gives a digest without lines. Never
/// throws for the file.
LogDigest digest_log(const std::string& path);

}  // namespace icecore::report
