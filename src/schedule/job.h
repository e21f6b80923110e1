#pragma once

#include <string>
#include <vector>

#include "schedule/calendar.h"

namespace icecore::schedule {

/// Backups that run by themselves: what a timer or a crontab line is made from. All paths are absolute.
struct Job {
    std::string program = {};                     ///< icecore itself
    std::string config = {};                      ///< its configuration file
    std::string set = {};                         ///< the set; empty: all of the configuration
    std::vector<std::string> data_dirs = {};      ///< what is read
    std::vector<std::string> writable_dirs = {};  ///< what is written: backup directories, mounted targets, …
    /// The configuration has programs run that are not icecore's (hooks, sendmail, a command that prints a
    /// password, those that make snapshots): nobody knows what these need to do.
    bool runs_programs = false;
    bool needs_devices = false;  ///< mounts snapshots of what is read
    Calendar calendar = {};

    /// "icecore", or "icecore-SET": of the units, and the mark in a crontab.
    std::string name() const { return set.empty() ? "icecore" : "icecore-" + set; }
    /// The words of the command that is run: PROGRAM --config CONFIG [--set SET] backup --quiet.
    std::vector<std::string> command() const;
};

}  // namespace icecore::schedule
