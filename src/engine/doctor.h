#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/environment.h"

namespace icecore::engine {

/// What one check found.
struct Diagnosis {
    enum class Status : std::uint8_t {
        ok,
        warning,  ///< works, but not as it should
        problem,  ///< the next backup or a restore will fail, or is in danger
    };
    Status status = Status::ok;
    std::string check;  ///< what was looked at: "data", "space", …
    std::string message;
    std::string hint;
};

/// Looks at a set: its directories, the disk, the clock, locks and leftovers, catalogue and chains. Reads
/// names, sizes and the catalogue, no archive; changes nothing. What cannot be looked at is a problem, not an
/// Error: it never throws Error.
std::vector<Diagnosis> examine_set(const Environment& env, const SetOptions& set);

/// Looks at this machine: clock, kernel, user, limits, and the tools for a restore without icecore. Starts
/// `tar --version`. Never throws Error.
std::vector<Diagnosis> examine_machine(const Environment& env);

}  // namespace icecore::engine
