#pragma once

#include <string>
#include <vector>

#include "cli/io.h"

namespace icecore::cli {

/// Exit statuses, the same for every command (icecore(1), "EXIT STATUS").
enum ExitStatus : int {
    kDone = 0,
    kFailed = 1,
    kUsage = 2,       ///< a bad command line or a bad configuration file
    kIncomplete = 3,  ///< done, but some files were unreadable or could not be restored
    kUnreported = 4,  ///< done, but the report did not get to all addresses, or waits for the next run
    kPending = 75,    ///< under way at a cold store, for hours: the same command again goes on
};

/// The worse of two exit statuses, of which the later are worse: done, unreported, incomplete, pending,
/// failed.
int worse(int a, int b);

/// The whole program: runs one command line (without the program's own name) and returns the exit status.
/// Every exception ends here as `icecore: error: …` and a hint on io.err.
int run_program(const std::vector<std::string>& args, Io& io);

}  // namespace icecore::cli
