#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/password.h"
#include "base/process.h"

namespace icecore::cli {

/// Everything a command has of the world outside. `main` makes the real one, tests make one in memory.
/// Everything it refers to must outlive it.
struct Io {
    std::istream& in;
    std::ostream& out;  ///< results
    std::ostream& err;  ///< messages and the progress line
    const Clock& clock;
    FileSystem& fs;
    /// An environment variable; nullopt if it is not set.
    std::function<std::optional<std::string>(const std::string& name)> environment;
    /// Waits that many nanoseconds.
    std::function<void(std::int64_t)> sleep_ns;
    /// A number in [0, 1).
    std::function<double()> random;
    std::string cwd;          ///< absolute; relative arguments start here
    std::string host;         ///< this machine's name
    bool privileged = false;  ///< the effective user is root
    bool in_is_terminal = false;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    bool err_is_journal = false;      ///< systemd's
    unsigned width_columns = 80;      ///< of the terminal
    std::string program = "icecore";  ///< this program, absolute
    /// Runs another program to its end.
    std::function<ProcessResult(const Process&)> run_process = icecore::run_process;
    /// Asks on the terminal, and does not show what is typed; nullopt if there is no answer.
    std::function<std::optional<std::string>(const std::string& question)> read_password =
        icecore::read_password;
    std::string etc_dir = "/etc";  ///< the system's configuration
    bool systemd_runs = false;     ///< as the system's manager
};

}  // namespace icecore::cli
