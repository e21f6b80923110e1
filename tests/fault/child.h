#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "engine_fixture.h"
#include "support/command.h"

namespace icecore::testing {

/// A backup of a fixture's set in a process of its own: this very program, started again. The volumes are as
/// small as `set.volume_bytes_max` says, which the real program's configuration does not allow.
///
/// `fault` is for the fault injector ("EIO:17", fault_injector.c), `power` for PowerDisk ("17:drop"); empty:
/// none. Exit status and stderr are the program's own: 0, 3 for an incomplete run, 1 with a message. 124 if
/// it hangs.
struct ChildOptions {
    std::string fault = {};
    std::string trace = {};  ///< file for the injector's trace
    std::string power = {};
    bool full = false;
};
CommandResult run_backup_child(const engine::SetOptions& set, const ChildOptions& options);

/// Runs `program` with the fault injector.
CommandResult run_with_fault(const Argv& program, const std::string& fault, const std::string& trace);

/// What the injector has written: a line a call.
std::vector<std::string> trace_lines(const std::string& trace);

/// To be called by main() before anything else: the exit status if this process is such a child.
std::optional<int> backup_child_status(int argc, char** argv);

}  // namespace icecore::testing
