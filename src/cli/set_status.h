#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "archive/manifest.h"
#include "cli/session.h"
#include "engine/offsite.h"

namespace icecore::cli {

/// How a set stands: what `status` prints.
struct SetStatus {
    std::string name;
    std::string data_dir;
    std::string backup_dir;
    std::optional<catalog::Run> last_run;
    std::uint64_t runs = 0;
    std::uint64_t chains = 0;
    std::uint64_t backup_dir_bytes = 0;            ///< all files in the backup directory
    bool running = false;                          ///< a process holds the set's lock
    std::string full_reason;                       ///< why the next run will be full, or empty
    std::optional<engine::OffsiteStatus> offsite;  ///< if the set has a target
};

/// Looks at the backup directory and its catalogue; changes nothing unless the catalogue must be rebuilt.
SetStatus read_set_status(Session& session, const engine::SetOptions& set);

}  // namespace icecore::cli
