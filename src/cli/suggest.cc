#include "cli/suggest.h"

#include <algorithm>

#include "base/format.h"

namespace icecore::cli {
namespace {

/// Longer words are no typo of ours, and the table below stays small.
constexpr std::size_t kWordBytesMax = 64;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Optimal string alignment: row i of the usual table, with the two rows before it.
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
    if (word.size() > kWordBytesMax) return {};
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        std::size_t distance = edit_distance(word, candidate);
        // A beginning that was typed out only in part is close, too.
        if (word.size() >= 3 && candidate.starts_with(word)) distance = 1;
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                         std::string_view quote, std::string otherwise) {
    std::string best = closest(word, candidates);
    return best.empty() ? std::move(otherwise) : format("did you mean {}{}{}?", quote, best, quote);
}

}  // namespace icecore::cli
