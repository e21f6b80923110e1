#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace icecore::cli {

/// The manual, in scdoc's language, from what --help is made from: names, arguments and options come from the
/// commands themselves, so the two cannot disagree about them. doc/man adds what is too long for --help.
///
/// A command's addition (doc/man/COMMAND.scd, "vault list" as vault-list) may begin with a description, which
/// replaces that of --help; then follow options, `*--name*` alone on a line and an indented text below it,
/// whose texts replace those of --help.
struct ManualPage {
    std::string name;  ///< "icecore-vault-list"; section 1
    std::string text;
};

/// `addition` is "" if there is none. Throws Error{invalid} if it speaks of an option that the command has
/// not.
ManualPage command_page(Command& command, std::string_view addition);

/// The page of the program: `frame` (doc/man/icecore.1.scd) with the line "@COMMANDS@" replaced by the list
/// of commands, and "@OPTIONS@" by the options of every command.
ManualPage program_page(const std::vector<std::unique_ptr<Command>>& commands, std::string_view frame);

/// The name of a command's addition and the end of its page's name: "vault-list".
std::string hyphenated(std::string_view command);

}  // namespace icecore::cli
