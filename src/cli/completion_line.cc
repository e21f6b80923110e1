#include "cli/completion_line.h"

#include <algorithm>

namespace icecore::cli {
namespace {

bool is_option(std::string_view word) {
    return word.size() > 1 && word[0] == '-' && word != "--";
}

bool has_name(const Arguments::Option& option, std::string_view name) {
    std::string_view names = option.names;
    std::size_t comma = names.find(',');
    if (comma == std::string_view::npos) return names == name;
    return names.substr(0, comma) == name || names.substr(comma + 1) == name;
}

}  // namespace

CompletionLine::CompletionLine(const std::vector<std::string>& words) {
    globals_.declare(global_arguments_);
    for (const std::string& word : words) take(word);
}

bool CompletionLine::is_group(const std::string& word) const {
    return std::any_of(commands_.begin(), commands_.end(),
                       [&](const auto& command) { return command->texts().name.starts_with(word + " "); });
}

bool CompletionLine::name_is_open() const {
    return command_ == nullptr && (group().empty() ? name_.empty() || name_ == "help" : is_group(group()));
}

std::string CompletionLine::group() const {
    constexpr std::string_view kHelp = "help ";
    if (name_ == "help") return {};
    return name_.starts_with(kHelp) ? name_.substr(kHelp.size()) : name_;
}

std::vector<const Arguments::Option*> CompletionLine::options() const {
    std::vector<const Arguments::Option*> all;
    for (const Arguments::Option& option : arguments_.options()) all.push_back(&option);
    for (const Arguments::Option& option : global_arguments_.options()) all.push_back(&option);
    return all;
}

const Arguments::Option* CompletionLine::option(std::string_view name) const {
    for (const Arguments::Option* option : options())
        if (has_name(*option, name)) return option;
    return nullptr;
}

std::string CompletionLine::next_word() const {
    std::size_t at = taken_.size();
    for (const Arguments::Word& word : arguments_.words()) {
        bool many = std::holds_alternative<std::vector<std::string>*>(word.target);
        if (many || at == 0) return word.metavar;
        --at;
    }
    return {};
}

std::string CompletionLine::given(const std::string& long_name) const {
    auto found = given_.find(long_name);
    return found == given_.end() ? "" : found->second;
}

void CompletionLine::take(const std::string& word) {
    if (awaiting_ != nullptr) {
        given_[awaiting_->long_name()] = word;
        awaiting_ = nullptr;
    } else if (!only_words_ && word == "--") {
        only_words_ = true;
    } else if (!only_words_ && is_option(word)) {
        take_option(word);
    } else if (!only_words_ && name_is_open()) {
        take_name(word);
    } else {
        taken_.push_back(word);
    }
}

void CompletionLine::take_option(const std::string& word) {
    std::size_t equals = word.find('=');
    bool attached = word.starts_with("--") ? equals != std::string::npos : word.size() > 2;
    std::size_t name_end = word.starts_with("--") ? equals : 2;
    const Arguments::Option* found = option(word.substr(0, name_end));
    if (found == nullptr || found->metavar.empty()) return;
    if (attached)
        given_[found->long_name()] = word.substr(word.starts_with("--") ? equals + 1 : 2);
    else
        awaiting_ = found;
}

void CompletionLine::take_name(const std::string& word) {
    name_ += name_.empty() ? word : " " + word;
    for (const auto& command : commands_) {
        if (command->texts().name != name_) continue;
        command_ = command.get();
        command_->declare(arguments_);
    }
}

}  // namespace icecore::cli
