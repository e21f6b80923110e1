#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/manifest.h"
#include "base/clock.h"

namespace icecore::report {

/// What became of one `icecore backup` of a set: what mail, metrics, pings and hooks tell.
struct RunFacts {
    enum class Result : std::uint8_t {
        done,
        incomplete,  ///< the run exists, but some files were unreadable
        failed,      ///< no run came to exist: `error`
    };

    /// How storing it offsite went.
    struct Upload {
        std::uint64_t files = 0;  ///< stored now
        std::uint64_t bytes = 0;
        std::uint64_t waiting_files = 0;  ///< not yet offsite, of all runs
        std::uint64_t waiting_bytes = 0;
        std::vector<std::string> problems;  ///< what went wrong, for people
    };

    std::string set;
    std::string host;
    std::string data_dir;
    std::string backup_dir;
    Timestamp started;   ///< of this execution
    Timestamp finished;  ///< likewise; 1970 as long as it goes on, and nothing that stands below is known
    Result result = Result::failed;
    int exit_status = 0;  ///< of the run and its upload

    /// The run, unless it failed.
    std::optional<archive::ManifestHeader> header;
    archive::ManifestTrailer trailer;
    std::string log_file;  ///< its path, or empty

    std::string error;  ///< why it failed, for people
    std::string hint;
    std::optional<Upload> upload;       ///< if the set has a target that was not left alone
    std::vector<std::string> problems;  ///< of hooks and the like, for people: they do not make a run fail
    /// When the newest run began that is complete offsite with its chain.
    std::optional<Timestamp> offsite_snapshot;

    bool ended() const { return finished != Timestamp{}; }
    double seconds() const { return seconds_between(started, finished); }
};

/// "done", "incomplete", "failed".
std::string_view result_name(RunFacts::Result result);

}  // namespace icecore::report
