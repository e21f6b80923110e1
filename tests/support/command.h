#pragma once

#include <optional>
#include <string>
#include <vector>

namespace icecore::testing {

/// A program and its arguments; the program is looked up in PATH.
using Argv = std::vector<std::string>;

struct CommandOptions {
    std::string cwd;                       ///< working directory; empty: ours
    std::string stdin_file = "/dev/null";  ///< read as standard input
    std::optional<std::string>
        stdout_file;               ///< standard output goes there (made anew) and not to CommandResult
    std::vector<std::string> env;  ///< "NAME=value", over our own environment
};

struct CommandResult {
    /// Exit status; 128 + signal number for a program ended by a signal.
    int status = 0;
    std::string out;
    std::string err;
};

/// Runs one program without a shell and waits for it. Throws Error if it cannot be started.
CommandResult run_command(const Argv& argv, const CommandOptions& options = {});

/// Runs programs, each one's standard output being the next one's standard input. `status` is the last one
/// that is not 0 (like pipefail), `out` is that of the last program, `err` that of all, mixed as it came. A
/// program that SIGPIPE ended because a later one stopped reading counts too. Throws Error if one cannot be
/// started.
CommandResult run_pipeline(const std::vector<Argv>& programs, const CommandOptions& options = {});

}  // namespace icecore::testing
