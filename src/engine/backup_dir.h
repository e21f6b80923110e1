#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// The names of one archive's files, all with the stem "<set>-<run>-<full|incr>-<YYYYMMDDTHHMMSSZ>"
/// (doc/format.md).
struct ArchiveNames {
    std::string stem;
    std::string archive;   ///< volume 0: stem + ".tar.zst" (".tar.gz", ".tar")
    std::string manifest;  ///< stem + ".manifest.zst"
    std::string log;       ///< stem + ".log"
};
ArchiveNames make_archive_names(std::string_view set, catalog::RunNumber run, archive::RunKind kind,
                                Timestamp started, archive::Compression::Method method);

/// What a file name in the backup directory says.
struct ParsedName {
    enum class Part : std::uint8_t { volume, manifest, log };
    catalog::RunNumber run = 0;
    archive::RunKind kind = archive::RunKind::full;
    Part part = Part::volume;
    std::string stem;
};
std::optional<ParsedName> parse_archive_name(std::string_view set, std::string_view file_name);

/// When the run of that stem started, to the second.
Timestamp started_of(std::string_view stem);

constexpr std::string_view kSnarName = "archive.snar";
constexpr std::string_view kCatalogName = "catalog.db";
constexpr std::string_view kReadmeName = "README.restore.txt";
constexpr std::string_view kOutboxName = "outbox.db";
/// What cold targets were asked for, and where it is put together.
constexpr std::string_view kThawsName = "thaws.db";
constexpr std::string_view kThawedName = ".thawed";
/// What the target turned out to be able to do: its identity in the first line, then its own notes.
constexpr std::string_view kFeaturesName = ".target";
constexpr std::string_view kLockName = ".lock";
constexpr std::string_view kUploadLockName = ".upload.lock";
constexpr std::string_view kFetchLockName = ".fetch.lock";
constexpr std::string_view kRunningName = ".running";
/// The directory whose archives are being adopted, on a line.
constexpr std::string_view kAdoptingName = ".adopting";
/// After the name of a database: one that was damaged, and a catalogue that knew runs which a rebuild had to
/// leave out.
constexpr std::string_view kDamagedSuffix = ".damaged";
constexpr std::string_view kReplacedSuffix = ".old";

/// What may happen once at a time in a set; each has a lock of its own.
enum class SetActivity : std::uint8_t { run, upload, fetch };

/// Holds a lock of the set (flock on ".lock", ".upload.lock" or ".fetch.lock" in the backup directory) while
/// alive. Throws Error{denied} that names the holder (process, host, since when) if another process has it.
class SetLock {
  public:
    SetLock(const Environment& env, const std::string& backup_dir, SetActivity activity = SetActivity::run);

  private:
    Fd fd_;
};

/// The three files of the database `path`.
std::array<std::string, 3> database_files(const std::string& path);

/// Moves a database with its log to a name of its own: it is only a cache, but a person may want to look at
/// it. Returns the new path. Throws Error.
std::string put_aside(const std::string& path, std::string_view suffix);

/// Who holds the lock of `backup_dir` for runs ("process 17 on host since …"), nullopt if nobody does. Takes
/// it shared for a moment, which a backup that starts in that very moment would see. Throws Error.
std::optional<std::string> lock_holder(const std::string& backup_dir);

/// The path without symbolic links, as far as it exists.
std::string resolved(const std::string& path);

/// Makes the backup directory (0700) if only its last component is missing. Throws Error, also if it cannot
/// be written to.
void make_backup_directory(const SetOptions& set);

/// Throws Error{invalid} if the data or the backup directory lies in the other. Both must exist.
void refuse_nesting(const SetOptions& set);

/// Opens the catalogue of a backup directory for reading, brought up to date first: one that is missing,
/// damaged or behind the manifests is rebuilt from them under the set's lock (`observer` is told). Throws
/// Error{not_found} if the directory has no run at all.
std::unique_ptr<catalog::Catalog> open_catalog(const Environment& env, const SetOptions& set,
                                               Observer& observer);

}  // namespace icecore::engine
