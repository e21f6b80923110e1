#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace icecore::cli {

/// What the words before the cursor say: how far the command's name is known, which options were given, and
/// what the word at the cursor is going to be.
class CompletionLine {
  public:
    /// `words`: all before the one at the cursor. Unfinished and wrong lines are taken as they come.
    explicit CompletionLine(const std::vector<std::string>& words);

    const std::vector<std::unique_ptr<Command>>& commands() const { return commands_; }
    /// "", "vault" or "vault list".
    const std::string& name() const { return name_; }
    /// Whether a word at the cursor still belongs to the command's name.
    bool name_is_open() const;
    /// Options that may stand here.
    std::vector<const Arguments::Option*> options() const;
    /// By "-n" or "--dry-run"; nullptr if there is none.
    const Arguments::Option* option(std::string_view name) const;
    /// The option whose value the word at the cursor is.
    const Arguments::Option* awaiting() const { return awaiting_; }
    /// After "--" all is words.
    bool only_words() const { return only_words_; }
    /// What the next word of the command is: its metavar, or "".
    std::string next_word() const;
    /// The value that an option was given, "" if none.
    std::string given(const std::string& long_name) const;
    bool is_group(const std::string& word) const;
    /// The group whose commands the name goes on with, as "vault" in `icecore vault` and `icecore help
    /// vault`; "" if it is only beginning.
    std::string group() const;

  private:
    void take(const std::string& word);
    void take_option(const std::string& word);
    void take_name(const std::string& word);

    std::vector<std::unique_ptr<Command>> commands_ = make_commands();
    GlobalOptions globals_;
    Arguments global_arguments_;
    Command* command_ = nullptr;
    Arguments arguments_;  ///< of the command
    std::string name_;
    const Arguments::Option* awaiting_ = nullptr;
    bool only_words_ = false;
    std::vector<std::string> taken_;  ///< words of the command
    std::map<std::string, std::string> given_;
};

}  // namespace icecore::cli
