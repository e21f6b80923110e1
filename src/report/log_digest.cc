#include "report/log_digest.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/units.h"

namespace icecore::report {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kLineBytesMax = 64 << 10;  // of longer ones, the beginning counts
constexpr std::size_t kTextBytesMax = 1000;

// The columns of RunLog's lines: "changed       20 B  b.txt".
constexpr std::size_t kSizeColumn = 9;
constexpr std::size_t kTextColumn = 20;
constexpr std::size_t kGapBytes = 2;  // blanks before the text
constexpr std::array<std::string_view, 9> kWords = {"added",    "changed", "meta",    "deleted", "renamed",
                                                    "excluded", "socket",  "problem", "note"};

/// Logs of 0.1 that list nothing have but one blank line, before the totals.
bool is_list_line(std::string_view text) {
    if (text.size() <= kTextColumn || text[kSizeColumn - 1] != ' ') return false;
    if (text.substr(kTextColumn - kGapBytes, kGapBytes) != "  ") return false;
    std::string_view word = trimmed(text.substr(0, kSizeColumn - 1));
    return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

class Digester {
  public:
    void line(std::string_view text) {
        if (text.empty()) {
            ++blanks_;  // one before the list, one after it
        } else if (blanks_ == 1 && is_list_line(text)) {
            list_line(text);
        }
    }
    LogDigest finish() {
        std::sort_heap(out_.biggest.begin(), out_.biggest.end(), larger);
        return std::move(out_);
    }

  private:
    static bool larger(const LogLine& a, const LogLine& b) { return a.bytes > b.bytes; }

    void list_line(std::string_view text) {
        ++out_.lines;
        LogLine line;
        line.word = trimmed(text.substr(0, kSizeColumn - 1));
        line.text = text.substr(kTextColumn, kTextBytesMax);
        auto bytes = parse_size(trimmed(text.substr(kSizeColumn, kTextColumn - kSizeColumn)));
        line.has_size = bytes.has_value();
        line.bytes = bytes.value_or(0);
        if (line.word == "problem") {
            ++out_.problems;
            if (out_.first_problems.size() < LogDigest::kProblemsMax)
                out_.first_problems.push_back(line.text);
        } else if (line.word == "note") {
            if (out_.notes.size() < LogDigest::kProblemsMax) out_.notes.push_back(line.text);
        } else {
            if ((line.word == "added" || line.word == "changed") && line.bytes > 0) weigh(line);
            if (out_.first_lines.size() < LogDigest::kLinesMax) out_.first_lines.push_back(std::move(line));
        }
    }

    /// Keeps the largest, in a heap with the least of them in front.
    void weigh(const LogLine& line) {
        std::vector<LogLine>& heap = out_.biggest;
        if (heap.size() == LogDigest::kBiggestMax) {
            if (line.bytes <= heap.front().bytes) return;
            std::pop_heap(heap.begin(), heap.end(), larger);
            heap.pop_back();
        }
        heap.push_back(line);
        std::push_heap(heap.begin(), heap.end(), larger);
    }

    LogDigest out_;
    int blanks_ = 0;
};

}  // namespace

LogDigest digest_log(const std::string& path) {
    Digester digester;
    try {
        Fd file = open_file(path, O_RDONLY);
        std::string piece(kPieceBytes, '\0');
        std::string pending;
        while (std::size_t size = read_full(file.get(), piece.data(), piece.size())) {
            std::string_view rest(piece.data(), size);
            for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
                 rest.remove_prefix(end + 1)) {
                pending += rest.substr(0, end);
                digester.line(pending);
                pending.clear();
            }
            if (pending.size() < kLineBytesMax) pending += rest;
        }
    } catch (const Error&) {
        LogDigest none;
        none.missing = true;
        return none;
    }
    return digester.finish();
}

}  // namespace icecore::report
