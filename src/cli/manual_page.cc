#include "cli/manual_page.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::cli {
namespace {

/// A line of plain text as scdoc prints it unchanged.
std::string plain(std::string_view text) {
    std::string out;
    for (char c : text) {
        bool special = c == '\\' || c == '*' || c == '_';
        if (special || (out.empty() && std::string_view("-#|[];.`\"").find(c) != std::string_view::npos))
            out += '\\';
        out += c;
    }
    return out;
}

/// A line of plain text in a literal block.
std::string literal_line(std::string_view text) {
    std::string out;
    for (char c : text) out += c == '\\' ? std::string("\\\\") : std::string(1, c);
    return out;
}

std::string literal_block(std::string_view lines) {
    std::string out = "```\n";
    while (!lines.empty()) out += literal_line(take_line(lines)) + "\n";
    return out + "```\n";
}

/// "what it does" as "What it does.", unless it begins with something that is no word.
std::string sentence(std::string_view help) {
    std::string out(help);
    std::size_t word = std::min(out.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), out.size());
    bool is_word = word > 0 && (word == out.size() || out[word] == ' ' || out[word] == ',');
    if (is_word) out[0] = static_cast<char>(out[0] - 'a' + 'A');
    if (!out.empty() && out.back() != '.') out += '.';
    return plain(out);
}

/// The paragraphs of a --help text; indented lines stay as they are.
std::string paragraphs(std::string_view text) {
    std::string out;
    bool literal = false;
    while (!text.empty()) {
        std::string_view line = take_line(text);
        if (line.starts_with("  ") != literal) {
            out += "```\n";
            literal = !literal;
        }
        out += literal ? literal_line(line.substr(2)) : plain(line);
        out += '\n';
    }
    return literal ? out + "```\n" : out;
}

/// What a file of doc/man says of a command.
struct Addition {
    std::string description;
    std::map<std::string, std::string, std::less<>> options;  ///< "--full" → indented lines
};

Addition parse_addition(std::string_view text) {
    Addition addition;
    std::string* part = &addition.description;
    while (!text.empty()) {
        std::string_view line = take_line(text);
        if (line.starts_with("*--") && line.ends_with("*")) {
            part = &addition.options[std::string(line.substr(1, line.size() - 2))];
        } else {
            *part += line;
            *part += '\n';
        }
    }
    auto trim = [](std::string& lines) {
        while (lines.ends_with("\n\n")) lines.pop_back();
    };
    trim(addition.description);
    for (auto& option : addition.options) trim(option.second);
    return addition;
}

/// "*-n*, *--dry-run*" or "*--config* _FILE_".
std::string label(const Arguments::Option& option) {
    std::string names = "*" + option.names + "*";
    if (std::size_t comma = names.find(','); comma != std::string::npos) names.replace(comma, 1, "*, *");
    return option.metavar.empty() ? names : format("{} _{}_", names, plain(option.metavar));
}

std::string options_text(const Arguments& arguments, const Addition& addition) {
    std::string out;
    for (const Arguments::Option& option : arguments.options()) {
        auto longer = addition.options.find(option.long_name());
        out += format(
            "{}\n{}\n", label(option),
            longer != addition.options.end() ? longer->second : format("\t{}\n", sentence(option.help)));
    }
    return out;
}

void check_options(const Arguments& arguments, const Addition& addition, std::string_view command) {
    for (const auto& [name, text] : addition.options) {
        bool known = std::any_of(arguments.options().begin(), arguments.options().end(),
                                 [&](const Arguments::Option& option) { return option.long_name() == name; });
        if (!known)
            throw Error(Error::Kind::invalid,
                        format("doc/man/{}.scd: {} has no option {}", hyphenated(command), command, name));
        if (text.find_first_not_of("\t\n") == std::string::npos)
            throw Error(Error::Kind::invalid,
                        format("doc/man/{}.scd: nothing is said of {}", hyphenated(command), name));
    }
}

std::string synopsis(std::string_view name, const Arguments& arguments) {
    std::string out = format("*icecore {}* [_OPTION_...]", name);
    for (const Arguments::Word& word : arguments.words()) {
        bool many = std::holds_alternative<std::vector<std::string>*>(word.target);
        std::string text = format("_{}_{}", plain(word.metavar), many ? "..." : "");
        out += word.required ? " " + text : format(" [{}]", text);
    }
    return out + "\n";
}

/// Commands that a reader of one will want next: those of its group.
std::string see_also(std::string_view name) {
    std::string out = "*icecore*(1), *icecore.toml*(5)";
    if (name.find(' ') != std::string_view::npos) out += ", *icecore-vault-sync*(1)";
    return out + "\n";
}

}  // namespace

std::string hyphenated(std::string_view command) {
    std::string out(command);
    std::replace(out.begin(), out.end(), ' ', '-');
    return out;
}

ManualPage command_page(Command& command, std::string_view addition_text) {
    const Command::Texts& texts = command.texts();
    Arguments arguments;
    command.declare(arguments);
    Addition addition = parse_addition(addition_text);
    check_options(arguments, addition, texts.name);

    ManualPage page{.name = "icecore-" + hyphenated(texts.name), .text = {}};
    std::string& text = page.text;
    text = format("{}(1)\n\n# NAME\n\n{} - {}\n\n# SYNOPSIS\n\n{}\n# DESCRIPTION\n\n{}", page.name, page.name,
                  plain(texts.summary), synopsis(texts.name, arguments),
                  addition.description.empty() ? paragraphs(texts.description) : addition.description);
    if (!arguments.words().empty()) text += "\n# ARGUMENTS\n\n";
    for (const Arguments::Word& word : arguments.words())
        text += format("_{}_\n\t{}\n\n", plain(word.metavar), sentence(word.help));
    text += format(
        "\n# OPTIONS\n\n{}The options of every command, dates and exit statuses are in *icecore*(1).\n",
        options_text(arguments, addition));
    text +=
        format("\n# EXAMPLES\n\n{}\n# SEE ALSO\n\n{}", literal_block(texts.example), see_also(texts.name));
    return page;
}

ManualPage program_page(const std::vector<std::unique_ptr<Command>>& commands, std::string_view frame) {
    std::string list;
    for (const auto& command : commands)
        list += format("*icecore-{}*(1)\n\t{}\n\n", hyphenated(command->texts().name),
                       sentence(command->texts().summary));
    GlobalOptions globals;
    Arguments arguments;
    globals.declare(arguments);
    ManualPage page{.name = "icecore", .text = {}};
    while (!frame.empty()) {
        std::string_view line = take_line(frame);
        if (line == "@COMMANDS@")
            page.text += list;
        else if (line == "@OPTIONS@")
            page.text += options_text(arguments, {});
        else
            page.text.append(line).append("\n");
    }
    return page;
}

}  // namespace icecore::cli
