#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace icecore::cli {

/// A quote of bash: none, '…', "…" or $'…'.
enum class ShellQuote { none, single_quote, double_quote, ansi };

/// A word of a command line as it was typed, and what a shell makes of its quotes.
struct ShellWord {
    std::string_view raw;
    std::string text;
    ShellQuote open = ShellQuote::none;  ///< the quote that does not end in it
};

/// The words of a line up to the cursor, as bash would take them apart: backslashes, '…', "…" and $'…'.
/// Nothing is expanded: variables and ~ stay as they are typed. A quote that is still open ends with the
/// line. The last word is the one at the cursor; it is empty after a space. `line` must outlive the result.
std::vector<ShellWord> shell_words(std::string_view line);

/// Any bytes but NUL as they must be typed after the beginning of such a quote (which is not in the result,
/// and is not ended by it) so that bash takes them for what they are. Printable: control characters are
/// escaped.
std::string shell_typed(std::string_view text, ShellQuote open);

}  // namespace icecore::cli
