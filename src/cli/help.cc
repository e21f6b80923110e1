#include "cli/help.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace icecore::cli {
namespace {

constexpr std::size_t kWidthColumns = 80;
constexpr std::size_t kHelpColumn = 26;

/// "-n, --dry-run" or "    --config FILE".
std::string option_label(const Arguments::Option& option) {
    std::string names = option.names;
    if (std::size_t comma = names.find(','); comma != std::string::npos)
        names.insert(comma + 1, " ");
    else
        names.insert(0, "    ");
    return option.metavar.empty() ? names : names + " " + option.metavar;
}

/// "  LABEL   help text", the text wrapped below itself.
void append_item(std::string& out, std::string_view label, std::string_view help) {
    std::string line = format("  {}", label);
    if (line.size() + 2 > kHelpColumn) {
        out += line + "\n";
        line.clear();
    }
    line.resize(kHelpColumn, ' ');
    bool fresh = true;
    while (!help.empty()) {
        std::size_t end = std::min(help.find(' '), help.size());
        std::string_view word = help.substr(0, end);
        help.remove_prefix(std::min(end + 1, help.size()));
        if (!fresh && line.size() + 1 + word.size() > kWidthColumns) {
            out += line + "\n";
            line.assign(kHelpColumn, ' ');
            fresh = true;
        }
        if (!fresh) line += ' ';
        line += word;
        fresh = false;
    }
    out += line + "\n";
}

void append_options(std::string& out, std::string_view title, const Arguments& arguments) {
    if (arguments.options().empty()) return;
    out += format("\n{}:\n", title);
    for (const Arguments::Option& option : arguments.options()) {
        append_item(out, option_label(option), option.help);
    }
}

void append_indented(std::string& out, std::string_view lines) {
    while (!lines.empty()) out += format("  {}\n", take_line(lines));
}

bool in_group(const Command& command) {
    return command.texts().name.find(' ') != std::string_view::npos;
}

bool is_schedule(const Command& command) {
    return command.texts().name.starts_with("schedule ");
}

void append_grouped(std::string& out, const Command& command) {
    out += format("  {:<22}{}\n", command.texts().name, command.texts().summary);
}

std::string usage_words(const Arguments& arguments) {
    std::string out;
    for (const Arguments::Word& word : arguments.words()) {
        bool many = std::holds_alternative<std::vector<std::string>*>(word.target);
        std::string name = many ? word.metavar + "..." : word.metavar;
        out += word.required ? " " + name : " [" + name + "]";
    }
    return out;
}

}  // namespace

std::string overview_text(const std::vector<std::unique_ptr<Command>>& commands) {
    std::string out =
        "icecore: incremental backups of a directory into plain tar archives\n\n"
        "Usage: icecore COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n";
    for (const auto& command : commands)
        if (!in_group(*command))
            out += format("  {:<10}{}\n", command->texts().name, command->texts().summary);
    for (const auto& command : commands)
        if (is_schedule(*command)) append_grouped(out, *command);
    out += "\nCommands for any Glacier vault, as glacier-cli has them:\n";
    for (const auto& command : commands)
        if (in_group(*command) && !is_schedule(*command)) append_grouped(out, *command);
    GlobalOptions globals;
    Arguments arguments;
    globals.declare(arguments);
    append_options(out, "Options of every command", arguments);
    out +=
        "\nExit status: 0 done, 1 failed, 2 usage or configuration, 3 done but some files\n"
        "were unreadable or not restored, 4 done but the report could not be mailed,\n"
        "75 under way at a cold store: run it again later.\n"
        "\"icecore COMMAND --help\" says more.\n"
        "\nExample:\n"
        "  icecore init --data /srv/data --backup /srv/backup\n"
        "  icecore backup\n";
    return out;
}

std::string group_text(const std::vector<std::unique_ptr<Command>>& commands, std::string_view group) {
    std::string out = format("Usage: icecore {} COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n", group);
    for (const auto& command : commands)
        if (command->texts().name.starts_with(std::string(group) + " ")) append_grouped(out, *command);
    return out + format("\n\"icecore {} COMMAND --help\" says more.\n", group);
}

std::string help_text(Command& command) {
    GlobalOptions globals;
    Arguments own, common;
    command.declare(own);
    globals.declare(common);
    const Command::Texts& texts = command.texts();
    std::string out =
        format("Usage: icecore {} [OPTION...]{}\n\n{}\n", texts.name, usage_words(own), texts.description);
    if (!own.words().empty()) out += "\nArguments:\n";
    for (const Arguments::Word& word : own.words()) append_item(out, word.metavar, word.help);
    append_options(out, "Options", own);
    append_options(out, "Options of every command", common);
    out += "\nExample:\n";
    append_indented(out, texts.example);
    return out;
}

}  // namespace icecore::cli
