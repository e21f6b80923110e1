#include "cli/arguments.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/format.h"
#include "cli/suggest.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

std::string help_hint(std::string_view command) {
    return command.empty() ? "see icecore --help" : format("see icecore {} --help", command);
}

std::string in_quotes(std::string_view word) {
    return format("\"{}\"", word);
}

void add_option(CLI::App& app, const Arguments::Option& option) {
    if (const auto* flag = std::get_if<bool*>(&option.target)) {
        app.add_flag(option.names, **flag);
    } else if (const auto* value = std::get_if<std::string*>(&option.target)) {
        app.add_option(option.names, **value)->allow_extra_args(false);
    } else {
        app.add_option(option.names, *std::get<std::vector<std::string>*>(option.target))
            ->allow_extra_args(false);
    }
}

/// An empty value is what a shell makes of a variable that is not set. Taken for "not given", it would have
/// the command do something else than it was told.
UsageError empty_value(const std::string& option, std::string_view command) {
    return UsageError(format("{} needs a value, and this one is empty", option), help_hint(command));
}

/// CLI11 takes the word after "--at=" for its value.
void refuse_bare_equals(std::span<const std::string> args, const std::vector<Arguments::Option>& options,
                        std::string_view command) {
    for (const Arguments::Option& option : options) {
        bool takes_value = !std::holds_alternative<bool*>(option.target);
        if (takes_value && std::find(args.begin(), args.end(), option.long_name() + '=') != args.end())
            throw empty_value(option.long_name(), command);
    }
}

void refuse_empty_values(const CLI::App& app, std::string_view command) {
    for (const CLI::Option* option : app.get_options())
        for (const std::string& value : option->results())
            if (value.empty()) throw empty_value(option->get_name(), command);
}

/// CLI11's errors in our words, where ours are better.
UsageError translate(const CLI::ParseError& error, std::string_view command) {
    std::string text = error.what();
    std::string_view name = std::string_view(text).substr(0, text.find(':'));
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
        bool repeated = text.find("At Most") != std::string::npos;
        return UsageError(
            repeated ? format("{} may be given only once", name) : format("{} needs a value", name),
            help_hint(command));
    }
    std::replace(text.begin(), text.end(), '\n', ' ');
    return UsageError(text, help_hint(command));
}

}  // namespace

std::string Arguments::Option::long_name() const {
    return names.substr(names.find("--"));
}

void Arguments::flag(std::string names, bool& target, std::string help) {
    options_.push_back({std::move(names), "", std::move(help), &target});
}

void Arguments::value(std::string names, std::string metavar, std::string& target, std::string help) {
    options_.push_back({std::move(names), std::move(metavar), std::move(help), &target});
}

void Arguments::values(std::string names, std::string metavar, std::vector<std::string>& target,
                       std::string help) {
    options_.push_back({std::move(names), std::move(metavar), std::move(help), &target});
}

void Arguments::word(std::string metavar, std::string& target, std::string help, bool required) {
    words_.push_back({std::move(metavar), std::move(help), required, &target});
}

void Arguments::words(std::string metavar, std::vector<std::string>& target, std::string help) {
    words_.push_back({std::move(metavar), std::move(help), false, &target});
}

void Arguments::parse(std::string_view command, const std::vector<std::string>& args) const {
    // Words are not CLI11's positionals (it takes a word such as "[a,b]" apart), and all after "--" are
    // words.
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    for (const Option& option : options_) add_option(app, option);
    auto dashes = std::find(args.begin(), args.end(), "--");
    refuse_bare_equals({args.begin(), dashes}, options_, command);
    try {
        std::vector<std::string> reversed(std::make_reverse_iterator(dashes), args.rend());
        app.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
        throw translate(error, command);
    }
    refuse_empty_values(app, command);
    std::vector<std::string> given;
    for (std::string& rest : app.remaining()) {
        if (rest.size() > 1 && rest[0] == '-') {
            std::string name = rest.substr(0, rest.find('='));
            std::vector<std::string> known;
            known.reserve(options_.size());
            for (const Option& option : options_) known.push_back(option.long_name());
            throw UsageError(format("unknown option {}", in_quotes(name)),
                             did_you_mean(name, known, "", help_hint(command)));
        }
        given.push_back(std::move(rest));
    }
    if (dashes != args.end()) given.insert(given.end(), dashes + 1, args.end());
    take_words(command, given);
}

void Arguments::take_words(std::string_view command, const std::vector<std::string>& given) const {
    auto empty = std::find(given.begin(), given.end(), "");
    if (empty != given.end() && !words_.empty()) {
        auto index = std::min(static_cast<std::size_t>(empty - given.begin()), words_.size() - 1);
        throw UsageError(format("{} is empty", words_[index].metavar), help_hint(command));
    }
    std::size_t next = 0;
    for (const Word& word : words_) {
        if (const auto* all = std::get_if<std::vector<std::string>*>(&word.target)) {
            (*all)->assign(given.begin() + static_cast<std::ptrdiff_t>(next), given.end());
            next = given.size();
        } else if (next < given.size()) {
            *std::get<std::string*>(word.target) = given[next++];
        } else if (word.required) {
            throw UsageError(format("{} is missing", word.metavar), help_hint(command));
        }
    }
    if (next < given.size()) {
        throw UsageError(format("unexpected argument {}", in_quotes(given[next])), help_hint(command));
    }
}

}  // namespace icecore::cli
