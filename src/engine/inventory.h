#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/backup_dir.h"

namespace icecore::engine {

/// The files of one run, as far as their names tell: file names without directory.
struct RunFiles {
    archive::RunKind kind = archive::RunKind::full;
    std::string stem;
    std::string manifest;              ///< empty: there is none
    std::string log;                   ///< empty: there is none
    std::vector<std::string> volumes;  ///< sorted by name
};

/// What lies in a backup directory, by names alone.
struct Inventory {
    /// By run number. Where several stems have the same number, the latest with a manifest (else the latest).
    std::map<catalog::RunNumber, RunFiles> runs;
    /// Of the others of the same number: those with a manifest. They are of another, older history of the set
    /// (its backup directory was lost, and begun anew), and as good as any run.
    std::vector<RunFiles> superseded;
    /// Files of those without.
    std::vector<std::string> strays;
    /// ".NAME.partial": what is being written, or was when a process died.
    std::vector<std::string> partials;
    /// Catalogues that were put aside: damaged ones, and what a rebuild that lost a run replaced.
    std::vector<std::string> old_catalogues;
    bool has_snapshot = false;  ///< archive.snar
    bool has_catalogue = false;
    /// The directory in ".adopting": its adoption is going on, or was interrupted. Empty: none.
    std::string adopting;
    /// Stem in ".running": a run that is going on, or one that was interrupted. Empty: none.
    std::string running;

    /// Whether a run of `runs` never came to exist: it has no manifest because one is still to be made.
    bool is_unfinished(const RunFiles& files) const;
};

/// The directory in ".adopting" of `backup_dir`; empty: none. Throws Error.
std::string adopting_in(const std::string& backup_dir);

/// Reads the directory once. Memory: its names. Throws Error.
Inventory read_inventory(const SetOptions& set);

}  // namespace icecore::engine
