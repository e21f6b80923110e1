#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "archive/dumpdir.h"
#include "archive/manifest.h"
#include "catalog/catalog.h"
#include "catalog/work_tables.h"
#include "engine/rename_plan.h"
#include "engine/spool.h"

namespace icecore::engine {

/// What happened to a name since the parent run, for the log.
enum class Change : std::uint8_t { none, added, changed };

/// What packing does with a file.
enum class Action : std::uint8_t {
    store,       ///< write it to the archive
    check,       ///< hash it first: its numbers do not prove that it changed
    link_group,  ///< WorkTables has the decision (names that share an inode, now or in the parent run)
};

/// The recorded version at a file's path (or, renamed, at its old path).
struct OldVersion {
    FileStat stat;
    std::string link_target;
    Digest sha256;
    std::string metadata;
    archive::Location location;
    bool sparse = false;
    bool racy = false;
    bool coarse = false;
};

/// The recorded mtime of a file that now has `now`: where the archive's format has no fraction, one with the
/// same second is the same.
Timestamp comparable_mtime(Timestamp recorded, bool coarse, Timestamp now);

/// A name that packing must look at, in archive order.
struct PlannedFile {
    std::uint64_t sequence = 0;
    std::string name;
    FileStat stat;
    Action action = Action::store;
    Change change = Change::none;
    std::optional<OldVersion> old;
    /// The name's earlier file is another one (its inode says) and may have moved: where it stands in
    /// `vanished`.
    std::optional<std::uint64_t> replaced;
};

/// A directory that gets a member in the archive, followed by `file_count` planned files.
struct PlannedDirectory {
    std::string path;
    FileStat stat;
    std::string dumpdir;  ///< entries only, encoded (Y/N/D)
    std::uint64_t file_count = 0;
    Change change = Change::none;
    bool only_if_needed =
        false;  ///< nothing about it changed: leave it out unless one of its files is stored
    bool metadata_from_old = false;  ///< it cannot be opened: `old_metadata` stands in
    bool keeps_attributes = false;   ///< tar finds it there and takes no attribute away
    std::string old_metadata;
    std::uint32_t deep_unit =
        0;  ///< not 0: packed at the archive's head (paths that no system call takes whole)
};

/// A name that is not in the new tree, or whose file is another one now.
struct VanishedName {
    enum class Kind : std::uint8_t {
        deleted,   ///< a deletion in manifest and log
        below,     ///< went with its directory: log only
        replaced,  ///< the name lives on: neither
        retyped,   ///< a directory and something else changed places at this name: a deletion in the manifest
    };
    Kind kind = Kind::deleted;
    std::string path;      ///< in terms of the new tree's directories
    std::string old_path;  ///< in the old tree
    OldVersion old;
};

/// Something to tell in the log that is no entry.
struct PlanEvent {
    enum class Kind : std::uint8_t { excluded, socket, problem };
    Kind kind = Kind::excluded;
    std::string path;
    std::string text;
};

void encode(const PlannedFile& file, RecordWriter& out);
void encode(const PlannedDirectory& directory, RecordWriter& out);
void encode(const VanishedName& name, RecordWriter& out);
void encode(const PlanEvent& event, RecordWriter& out);
PlannedFile decode_file(std::string_view record);
PlannedDirectory decode_directory(std::string_view record);
VanishedName decode_vanished(std::string_view record);
PlanEvent decode_event(std::string_view record);

OldVersion to_old_version(const catalog::Entry& entry);

/// A rename as it goes to manifest and log.
struct PlannedRename {
    std::string from;
    std::string to;
    FileStat stat;
};

/// What a run will do, on disk in temporary files (lists) and in memory (renames only, which are limited).
struct Plan {
    explicit Plan(const std::string& spool_dir)
        : directories(spool_dir),
          files(spool_dir),
          vanished(spool_dir),
          vanished_directories(spool_dir),
          events(spool_dir) {}

    /// Forgets what a scan that starts again has found.
    void restart();

    Spool directories;
    Spool files;
    Spool vanished;
    Spool
        vanished_directories;  ///< node and VanishedName; they join `vanished` unless they turn up elsewhere
    Spool events;
    std::unique_ptr<catalog::WorkTables> work = std::make_unique<catalog::WorkTables>();

    std::vector<PlannedRename> renames;
    /// Directories that tar must make anew, because its extractor cannot take attributes away (paths in the
    /// old tree), and what stays in them, as moves from the old to the new one. Manifest and catalogue see no
    /// rename in this.
    std::vector<std::string> made_anew;
    std::vector<std::string> made_anew_at;  ///< the same in the new tree
    std::vector<Move> moves_into_new;
    RenameSequence rename_sequence;
    /// Files whose content was found under an old name: sequence → where the VanishedName stands in
    /// `vanished`.
    std::unordered_map<std::uint64_t, std::uint64_t> moved_files;
    /// VanishedNames that were found again (by where they stand).
    std::unordered_map<std::uint64_t, bool> found_again;
    /// Old trees to be removed whose paths, where they stand in the end, are too long for tar (path, old
    /// path).
    std::vector<std::pair<std::string, std::string>> deep_removals;
    bool deep_obstacles = false;  ///< something that vanished had a path beyond tar's reach

    archive::RunCounts counts;     ///< files, directories, tree_bytes, excluded, errors so far
    std::uint64_t read_files = 0;  ///< totals for the progress line
    std::uint64_t read_bytes = 0;
    /// The deep units to pack at the archive's head, in order: unit N is deep_units[N - 1].
    struct DeepUnit {
        std::string path;
        std::string old_path;            ///< in the old tree; empty: it is new
        std::size_t path_bytes_max = 0;  ///< of a directory in it
    };
    std::vector<DeepUnit> deep_units;
    std::string deep_prefix;  ///< of names in the archive's root that no name of the tree begins with
    /// Name in the archive's root under which deep unit `number` is extracted before it is renamed to its
    /// place.
    std::string deep_unit_name(std::uint32_t number) const { return deep_prefix + std::to_string(number); }
};

}  // namespace icecore::engine
