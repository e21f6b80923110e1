#pragma once

#include <string>
#include <vector>

#include "cli/io.h"

namespace icecore::cli {

/// What may stand at the cursor of a command line.
struct Completion {
    struct Candidate {
        std::string text;         ///< the whole word, any bytes but NUL; one that ends in / : = ? & can go on
        std::string description;  ///< a few words, printable
    };
    enum class Kind {
        words,        ///< `candidates`
        files,        ///< a local file, which the shell knows how to complete, after `before`
        directories,  ///< likewise
    };
    Kind kind = Kind::words;
    std::string before;  ///< what the word begins with that is not the file: "--config="
    std::vector<Candidate> candidates;
};

/// `words` are those after the program's name, the last is the one at the cursor (maybe empty). Looks at the
/// configuration and, read-only, at the catalogue; makes and rebuilds nothing, and asks no service. Throws
/// Error where they cannot be read: then there is nothing to offer. Never more than some thousand candidates.
Completion complete_words(const std::vector<std::string>& words, Io& io);

/// The hidden command `icecore __complete`, for the shells' scripts in packaging/completions:
///
///     __complete words WORD...     the words as complete_words() wants them
///     __complete line LINE TEXT    bash: the line up to the cursor as typed, and the end of it that bash
///     will replace
///
/// Prints fields that each end in NUL: "words", "files" or "directories"; `before`; then text and description
/// of each candidate. For "line" the text is what is to stand in the place of TEXT, quoted as the line has
/// it. Whatever goes wrong, no message is printed.
void run_complete(const std::vector<std::string>& args, Io& io);

}  // namespace icecore::cli
