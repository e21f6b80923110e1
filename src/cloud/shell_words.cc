#include "cloud/shell_words.h"

#include "base/error.h"

namespace icecore::cloud {

std::vector<std::string> split_words(std::string_view command) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < command.size(); ++i) {
        char c = command[i];
        bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (quote == 0 && blank) {
            if (in_word) words.push_back(std::move(word));
            word.clear();
            in_word = false;
            continue;
        }
        in_word = true;
        if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'') {
            if (i + 1 == command.size())
                throw Error(Error::Kind::invalid, "a command ends with a backslash that escapes nothing");
            char next = command[++i];
            if (quote == '"' && next != '"' && next != '\\') word += c;
            word += next;
        } else {
            word += c;
        }
    }
    if (quote != 0) throw Error(Error::Kind::invalid, "a command has a quote that is not closed");
    if (in_word) words.push_back(std::move(word));
    return words;
}

}  // namespace icecore::cloud
