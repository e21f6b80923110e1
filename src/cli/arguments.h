#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace icecore::cli {

/// What a command accepts on its command line, and the variables that take it. Declared once; parsing (by
/// CLI11) and help are made from it. The variables must outlive it.
class Arguments {
  public:
    struct Option {
        std::string names;    ///< "-n,--dry-run"
        std::string metavar;  ///< "FILE"; empty for a flag
        std::string help;
        std::variant<bool*, std::string*, std::vector<std::string>*> target;
        std::string long_name() const;  ///< "--dry-run"
    };
    struct Word {
        std::string metavar;
        std::string help;
        bool required = false;
        std::variant<std::string*, std::vector<std::string>*> target;
    };

    void flag(std::string names, bool& target, std::string help);
    void value(std::string names, std::string metavar, std::string& target, std::string help);
    /// May be given several times.
    void values(std::string names, std::string metavar, std::vector<std::string>& target, std::string help);
    void word(std::string metavar, std::string& target, std::string help, bool required);
    /// Takes all remaining words.
    void words(std::string metavar, std::vector<std::string>& target, std::string help);

    const std::vector<Option>& options() const { return options_; }
    const std::vector<Word>& words() const { return words_; }

    /// Reads a command's arguments (after the command's name); `command` names it in messages. Throws
    /// UsageError.
    void parse(std::string_view command, const std::vector<std::string>& args) const;

  private:
    void take_words(std::string_view command, const std::vector<std::string>& given) const;
    std::vector<Option> options_;
    std::vector<Word> words_;
};

}  // namespace icecore::cli
