#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/backup_dir.h"
#include "engine/data_source.h"
#include "engine/disk_space.h"
#include "engine/doctor_check.h"
#include "engine/inventory.h"
#include "snapshot/ledger.h"

namespace icecore::engine {
namespace {

using catalog::Run;
using catalog::RunNumber;

/// A set, and what was read of it once for all checks.
struct Patient {
    const Environment& env;
    const SetOptions& set;
    bool has_backup_dir = false;
    Inventory inventory;
    std::vector<Run> runs;                 ///< of the catalogue, ascending
    std::optional<Error> catalogue_error;  ///< why it cannot be read

    std::string in_backup(std::string_view name) const { return join_path(set.backup_dir, name); }
    const Run* last_run() const { return runs.empty() ? nullptr : &runs.back(); }
    RunNumber highest_manifest() const {
        RunNumber highest = 0;
        for (const auto& [number, files] : inventory.runs)
            if (!files.manifest.empty()) highest = number;
        return highest;
    }
};

FileStat stat_directory(const std::string& path) {
    Fd fd = open_file(path, O_PATH | O_DIRECTORY);
    FileStat stat;
    if (!stat_at(fd.get(), "", stat, AT_EMPTY_PATH)) throw_errno("examining " + path);
    return stat;
}

Diagnosis examine_data(const Patient& p) {
    constexpr const char* kHint = "is the disk mounted? `data` in the configuration names the directory";
    if (!path_exists(p.set.data_dir)) return problem(format("{} is not there", p.set.data_dir), kHint);
    if (access(p.set.data_dir.c_str(), R_OK | X_OK) != 0)
        return problem(format("{} cannot be read", p.set.data_dir), "run icecore as a user who may");
    if (!list_directory(p.set.data_dir).empty()) return fine(format("{} can be read", p.set.data_dir));
    std::string message = format("{} is empty", p.set.data_dir);
    if (p.last_run() != nullptr && p.last_run()->trailer.counts.files > 0) return problem(message, kHint);
    return warning(message, kHint);
}

/// Whether snapshots can be made, if they are wanted; makes none.
Diagnosis examine_source(const Patient& p) {
    std::vector<std::string> left;
    if (p.has_backup_dir && !lock_holder(p.set.backup_dir))
        for (const snapshot::Note& note : snapshot::read_ledger(p.set.backup_dir))
            left.push_back(format("{} ({})", note.name, snapshot::kind_name(note.kind)));
    if (!left.empty())
        return warning("an interrupted run left a snapshot: " + some_of(left), "the next backup removes it");
    if (p.set.snapshot.kind == snapshot::Kind::none)
        return fine("files are read as they are, no snapshot is made");
    check_snapshots_possible(p.env, p.set);
    return fine(format("a {} snapshot can be made", snapshot::kind_name(p.set.snapshot.kind)));
}

Diagnosis examine_backup(const Patient& p) {
    const std::string& dir = p.set.backup_dir;
    if (!path_exists(dir)) {
        if (path_exists(std::string(parent_path(dir))))
            return warning(format("{} is not there yet", dir), "the first backup makes it");
        return problem(format("{} is not there, nor is the directory above it", dir), "is the disk mounted?");
    }
    FileStat stat = stat_directory(dir);
    if (access(dir.c_str(), R_OK | W_OK | X_OK) != 0)
        return problem(format("{} cannot be written", dir), "run icecore as a user who may");
    if ((stat.mode & 0007) != 0)
        return problem(format("everybody may enter {} (mode {:04o})", dir, stat.mode),
                       format("archives hold files that not everybody may read: chmod 0700 {}", dir));
    if (stat.uid != geteuid())
        return warning(format("{} belongs to user {}", dir, stat.uid), "that user can change every archive");
    if ((stat.mode & 0070) != 0)
        return warning(format("group {} may enter {} (mode {:04o})", stat.gid, dir, stat.mode),
                       format("unless that is intended: chmod 0700 {}", dir));
    return fine(format("{} can be written, and only by its owner", dir));
}

Diagnosis examine_place(const Patient& p) {
    if (!p.has_backup_dir || !path_exists(p.set.data_dir))
        return fine("to be seen when both directories are there");
    refuse_nesting(p.set);
    if (stat_directory(p.set.data_dir).dev == stat_directory(p.set.backup_dir).dev)
        return warning("data and backup are on the same file system",
                       "such a backup does not survive the disk; choose a place on another one");
    return fine("data and backup are on different file systems");
}

Diagnosis examine_space(const Patient& p) {
    DiskSpace space =
        disk_space(p.has_backup_dir ? p.set.backup_dir : std::string(parent_path(p.set.backup_dir)));
    if (std::string fault = space_fault(space, p.runs, !p.inventory.has_snapshot); !fault.empty())
        return warning(fault, "icecore deletes nothing by itself: it needs more space");
    return fine(format("{} of {} are free", format_bytes(space.free_bytes), format_bytes(space.disk_bytes)));
}

Diagnosis examine_time(const Patient& p) {
    const Run* last = p.last_run();
    if (last == nullptr) return fine("no run yet");
    std::string when = format("run {} started at {}", last->number(), format_local(last->header.started));
    if (p.env.clock.now() < last->header.started)
        return problem("the clock jumped back: " + when, "set the clock; --at with a time finds runs by it");
    return fine(when);
}

Diagnosis examine_lock(const Patient& p) {
    if (!p.has_backup_dir) return fine("no run yet");
    if (std::optional<std::string> holder = lock_holder(p.set.backup_dir))
        return fine("a run is going on: " + *holder);
    if (!p.inventory.adopting.empty())
        return problem(format("the adoption of {} was interrupted", escape_path(p.inventory.adopting)),
                       "run `icecore adopt` again: backups wait for it");
    const std::string& stem = p.inventory.running;
    if (stem.empty()) return fine("no run is going on, none was interrupted");
    if (path_exists(p.in_backup(stem + ".manifest.zst")))
        return warning(format("run {} was interrupted after it was complete", escape_path(stem)),
                       "the next backup tidies up");
    return warning(format("run {} was interrupted", escape_path(stem)),
                   "the next backup closes its archive and carries on from there");
}

Diagnosis examine_leftovers(const Patient& p) {
    std::vector<std::string> names = p.inventory.old_catalogues;
    names.insert(names.end(), p.inventory.strays.begin(), p.inventory.strays.end());
    // What belongs to an interrupted run or adoption is needed to finish it.
    if (p.has_backup_dir && p.inventory.running.empty() && p.inventory.adopting.empty() &&
        !lock_holder(p.set.backup_dir))
        names.insert(names.end(), p.inventory.partials.begin(), p.inventory.partials.end());
    if (names.empty() && !p.inventory.superseded.empty()) {
        for (const RunFiles& files : p.inventory.superseded) names.push_back(files.stem);
        return warning(
            "runs of an older history of the set, whose numbers newer ones have: " + some_of(names),
            "they are whole: by the commands in README.restore.txt, or in a directory of their own "
            "after `icecore rebuild`, they can be restored");
    }
    if (names.empty()) return fine("no unfinished or superseded files");
    return warning(some_of(names), "no backup needs these files; look at them, then delete them");
}

Diagnosis examine_catalogue(const Patient& p) {
    RunNumber highest = p.highest_manifest();
    constexpr const char* kRebuild =
        "the next command makes it again from the manifests; or `icecore rebuild`";
    if (!p.inventory.has_catalogue)
        return highest == 0 ? fine("no run yet") : warning("catalog.db is missing", kRebuild);
    if (p.catalogue_error) {
        if (p.catalogue_error->kind() == Error::Kind::not_ready)
            return warning(p.catalogue_error->message(), p.catalogue_error->hint());
        if (p.catalogue_error->kind() == Error::Kind::corrupt)
            return warning(p.catalogue_error->message(), kRebuild);
        return problem(p.catalogue_error->message(), p.catalogue_error->hint());
    }
    RunNumber known = p.last_run() == nullptr ? 0 : p.last_run()->number();
    if (known < highest)
        return warning(format("it does not know run {} yet", highest),
                       "the next command adds what is missing");
    return fine(format("knows {} runs", p.runs.size()));
}

Diagnosis examine_snapshot(const Patient& p) {
    if (p.highest_manifest() == 0) return fine("no run yet");
    if (!p.inventory.has_snapshot)
        return warning("archive.snar is missing: the next run will be full",
                       "harmless, but a full archive takes time and space");
    return fine("archive.snar is there");
}

/// Names and sizes only: `icecore verify` reads them.
Diagnosis examine_chains(const Patient& p) {
    std::vector<std::string> damaged;
    Fd dir = p.has_backup_dir ? open_file(p.set.backup_dir, O_PATH | O_DIRECTORY) : Fd();
    for (const Run& run : p.runs) {
        for (const archive::VolumeInfo& volume : run.trailer.volumes) {
            FileStat stat;
            if (!stat_at(dir.get(), volume.name.c_str(), stat) || stat.size != volume.stored_bytes)
                damaged.push_back(volume.name);
        }
        auto files = p.inventory.runs.find(run.number());
        if (files == p.inventory.runs.end() || files->second.manifest.empty())
            damaged.push_back(format("the manifest of run {}", run.number()));
    }
    RunNumber before = 0;
    for (const auto& [number, files] : p.inventory.runs) {
        if (p.inventory.is_unfinished(files)) continue;
        if (files.kind == archive::RunKind::incremental && number != before + 1)
            damaged.push_back(format("what run {} is incremental on", number));
        before = number;
    }
    if (damaged.empty()) return fine("all archives and manifests are there, with the right sizes");
    return problem(
        "missing or of the wrong size: " + some_of(damaged),
        "`icecore verify` says more; get the files back, or start anew with `icecore backup --full`");
}

/// What is looked at, in this order.
constexpr std::array<DoctorCheck<Patient>, 11> kSetChecks = {{{"data", examine_data},
                                                              {"source", examine_source},
                                                              {"backup", examine_backup},
                                                              {"place", examine_place},
                                                              {"space", examine_space},
                                                              {"time", examine_time},
                                                              {"lock", examine_lock},
                                                              {"leftovers", examine_leftovers},
                                                              {"catalogue", examine_catalogue},
                                                              {"snapshot", examine_snapshot},
                                                              {"chains", examine_chains}}};

}  // namespace

std::vector<Diagnosis> examine_set(const Environment& env, const SetOptions& set) {
    std::vector<Diagnosis> out;
    Patient patient{env, set, path_exists(set.backup_dir), {}, {}, std::nullopt};
    if (patient.has_backup_dir) {
        try {
            patient.inventory = read_inventory(set);
        } catch (const Error& e) {
            bool denied = e.kind() == Error::Kind::denied;
            out.push_back(problem(e.message(), denied ? "run icecore as a user who may read it" : e.hint()));
            out.back().check = "backup";
            return out;
        }
        if (patient.inventory.has_catalogue) {
            try {
                patient.runs = catalog::Catalog::open_read_only(patient.in_backup(kCatalogName))->runs();
            } catch (const Error& e) {
                patient.catalogue_error = e;
            }
        }
    }
    examine_all<Patient>(kSetChecks, patient, out);
    examine_target(env, set, patient.runs, out);
    return out;
}

}  // namespace icecore::engine
