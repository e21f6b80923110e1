#include "cli/shell_line.h"

#include <algorithm>

#include "base/format.h"

namespace icecore::cli {
namespace {

/// Reads one word after another off the front of a line.
class Reader {
  public:
    explicit Reader(std::string_view line) : line_(line) {}

    bool skip_blanks() {
        std::size_t begin = at_;
        while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
        return at_ > begin;
    }
    bool at_end() const { return at_ == line_.size(); }

    ShellWord word() {
        std::size_t begin = at_;
        text_.clear();
        open_ = ShellQuote::none;
        while (at_ < line_.size() && !is_blank(line_[at_])) part();
        return {line_.substr(begin, at_ - begin), text_, open_};
    }

  private:
    static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

    void part() {
        char c = line_[at_++];
        bool dollar_quote = c == '$' && at_ < line_.size() && line_[at_] == '\'';
        if (dollar_quote) {
            ++at_;
            ansi_quoted();
        } else if (c == '\'') {
            std::size_t end = std::min(line_.find('\'', at_), line_.size());
            text_ += line_.substr(at_, end - at_);
            if (end == line_.size()) open_ = ShellQuote::single_quote;
            at_ = std::min(end + 1, line_.size());
        } else if (c == '"') {
            double_quoted();
        } else if (c == '\\') {
            if (at_ < line_.size() && line_[at_] != '\n') text_ += line_[at_];
            at_ = std::min(at_ + 1, line_.size());
        } else {
            text_ += c;
        }
    }

    void double_quoted() {
        while (at_ < line_.size()) {
            char c = line_[at_++];
            if (c == '"') return;
            bool escapes = c == '\\' && at_ < line_.size() &&
                           std::string_view("$`\"\\\n").find(line_[at_]) != std::string_view::npos;
            if (escapes) c = line_[at_++];
            if (!escapes || c != '\n') text_ += c;
        }
        open_ = ShellQuote::double_quote;
    }

    void ansi_quoted() {
        while (at_ < line_.size()) {
            char c = line_[at_++];
            if (c == '\'') return;
            if (c == '\\' && at_ < line_.size())
                escape(line_[at_++]);
            else
                text_ += c;
        }
        open_ = ShellQuote::ansi;
    }

    /// What follows a backslash in $'…'.
    void escape(char c) {
        constexpr std::string_view kLetters = "abefnrtvE";
        constexpr std::string_view kBytes = "\a\b\x1b\f\n\r\t\v\x1b";
        if (std::size_t known = kLetters.find(c); known != std::string_view::npos) {
            text_ += kBytes[known];
        } else if (c == 'x') {
            number(16, 2, 0);
        } else if (c >= '0' && c <= '7') {
            number(8, 2, c - '0');
        } else {
            bool itself = std::string_view("\\'\"?").find(c) != std::string_view::npos;
            text_ += itself ? std::string(1, c) : std::string{'\\', c};
        }
    }

    /// Up to `digits_max` more digits of a byte.
    void number(int base, int digits_max, int value) {
        for (int i = 0; i < digits_max && at_ < line_.size(); ++i, ++at_) {
            std::size_t digit =
                std::string_view("0123456789abcdef").find(static_cast<char>(line_[at_] | 0x20));
            if (digit == std::string_view::npos || static_cast<int>(digit) >= base) break;
            value = value * base + static_cast<int>(digit);
        }
        text_ += static_cast<char>(value);
    }

    std::string_view line_;
    std::size_t at_ = 0;
    std::string text_;
    ShellQuote open_ = ShellQuote::none;
};

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// A control character inside $'…'.
std::string ansi_escape(char c) {
    if (c == '\n') return "\\n";
    if (c == '\t') return "\\t";
    return format("\\{:03o}", static_cast<unsigned>(static_cast<unsigned char>(c)));
}

/// One character outside of quotes.
std::string bare(char c) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
    if (is_control(c)) return "$'" + ansi_escape(c) + "'";
    bool plain = static_cast<unsigned char>(c) >= 0x80 || kPlain.find(c) != std::string_view::npos;
    return plain ? std::string(1, c) : std::string{'\\', c};
}

/// One character inside a quote; what cannot stand there ends the quote, stands bare and begins it again.
std::string inside(char c, ShellQuote open) {
    switch (open) {
        case ShellQuote::none:
            return bare(c);
        case ShellQuote::single_quote:
            return c == '\'' || is_control(c) ? "'" + bare(c) + "'" : std::string(1, c);
        case ShellQuote::double_quote:
            if (c == '!' || is_control(c)) return "\"" + bare(c) + "\"";  // "\!" would keep the backslash
            return std::string_view("$`\"\\").find(c) != std::string_view::npos ? std::string{'\\', c}
                                                                                : std::string(1, c);
        case ShellQuote::ansi:
            if (is_control(c)) return ansi_escape(c);
            return c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    }
    return {};
}

}  // namespace

std::vector<ShellWord> shell_words(std::string_view line) {
    std::vector<ShellWord> words;
    Reader reader(line);
    bool blanks = reader.skip_blanks();
    while (!reader.at_end()) {
        words.push_back(reader.word());
        blanks = reader.skip_blanks();
    }
    if (blanks || words.empty()) words.push_back({line.substr(line.size()), ""});
    return words;
}

std::string shell_typed(std::string_view text, ShellQuote open) {
    std::string out;
    for (char c : text) out += inside(c, open);
    return out;
}

}  // namespace icecore::cli
