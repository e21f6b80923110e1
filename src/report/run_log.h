#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "archive/manifest.h"
#include "base/file.h"

namespace icecore::report {

/// The log of one run, for people: `<archive>.log` in the backup directory. It names every file that was
/// added, changed, deleted, renamed, left out, unreadable or changed while it was read, with sizes; then
/// totals. Written as the run goes, durable after seal(). Paths are escaped (base/text.h). One thread at a
/// time; destroyed unsealed, it leaves nothing.
class RunLog {
  public:
    RunLog(FileSystem& fs, const std::string& dir, const std::string& name);
    ~RunLog();

    /// Heading: program, set, host, data and backup directory, run number and kind, parent, start, why full.
    /// `snapshot` is the kind of snapshot that the data was read in, or empty.
    void begin(const archive::ManifestHeader& header, std::string_view data_dir, std::string_view backup_dir,
               std::string_view snapshot = {});

    void added(std::string_view path, const FileStat& stat);
    void changed(std::string_view path, const FileStat& stat, std::uint64_t old_size_bytes);
    /// Only what stat(2) tells changed; the content is the same and was not stored again (or could not be
    /// spared).
    void metadata_changed(std::string_view path, const FileStat& stat);
    void deleted(std::string_view path, const FileStat& old_stat);
    void renamed(std::string_view from, std::string_view to, const FileStat& stat);
    void excluded(std::string_view path, std::string_view rule);
    void skipped_socket(std::string_view path);
    /// Unreadable, vanished while being read, or changed at every attempt: `what` says which.
    void problem(std::string_view path, std::string_view what);
    /// A remark about the run as a whole (leftovers of an interrupted run removed, …).
    void note(std::string_view text);

    /// Totals, archive files and sizes, duration; then seals the file.
    void finish(const archive::ManifestTrailer& trailer, double seconds);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// One line that says what a run did: "run 3 (incremental): 12 added, 3 changed, … 1.2 MiB stored in 3.4 s".
std::string summary_line(const archive::ManifestHeader& header, const archive::ManifestTrailer& trailer,
                         double seconds);

}  // namespace icecore::report
