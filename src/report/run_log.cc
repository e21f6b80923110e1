#include "report/run_log.h"

#include <iterator>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"

namespace icecore::report {
namespace {

using archive::ManifestHeader;
using archive::ManifestTrailer;
using archive::RunCounts;
using archive::RunKind;

/// The buffer goes to the file when it is longer than this.
constexpr std::size_t kBufferBytes = 64 << 10;

bool is_directory(const FileStat& stat) {
    return stat.type == FileType::directory;
}

/// Sizes of regular files only: all other types have none.
std::string size_text(const FileStat& stat) {
    return stat.type == FileType::regular ? format_bytes(stat.size) : std::string("-");
}

std::string path_text(std::string_view path, bool directory) {
    if (path.empty()) return "./";
    std::string text = escape_path(path);
    if (directory) text += '/';
    return text;
}

std::string kind_text(const ManifestHeader& header) {
    if (header.kind == RunKind::full) return "full";
    return format("incremental on run {}, chain {}", header.parent, header.chain);
}

}  // namespace

struct RunLog::State {
    std::unique_ptr<OutputFile> file;
    std::string buffer;
    bool listing = false;  ///< the blank line between heading and list is written

    template <typename... Args>
    void print(fmt::format_string<Args...> text, Args&&... args) {
        format_to(std::back_inserter(buffer), text, std::forward<Args>(args)...);
        if (buffer.size() > kBufferBytes) flush();
    }
    void heading(std::string_view label, std::string_view value) { print("{:<10} {}\n", label, value); }
    void begin_list() {
        if (!listing) buffer += '\n';
        listing = true;
    }
    void line(std::string_view word, std::string_view size, std::string_view rest) {
        begin_list();
        print("{:<8} {:>9}  {}\n", word, size, rest);
    }
    void flush() {
        file->write(buffer);
        buffer.clear();
    }
};

RunLog::RunLog(FileSystem& fs, const std::string& dir, const std::string& name)
    : state_(std::make_unique<State>()) {
    state_->file = fs.create(dir, name, false);
    state_->buffer.reserve(kBufferBytes + 8192);
}

RunLog::~RunLog() = default;

void RunLog::begin(const ManifestHeader& header, std::string_view data_dir, std::string_view backup_dir,
                   std::string_view snapshot) {
    State& log = *state_;
    log.heading("icecore", header.program);
    log.heading("set", escape_path(header.set));
    log.heading("host", escape_path(header.host));
    log.heading("data", escape_path(data_dir));
    if (!snapshot.empty()) log.heading("read in", format("a {} snapshot", snapshot));
    log.heading("backup", escape_path(backup_dir));
    log.heading("run", format("{} ({})", header.run, kind_text(header)));
    if (header.interrupted) log.heading("state", "interrupted: holds a part of the changes");
    if (!header.reason.empty()) log.heading("full, as", escape_path(header.reason));
    log.heading("started", format("{} ({})", format_local(header.started), format_iso_utc(header.started)));
    log.heading("archive", escape_path(header.archive_name));
}

void RunLog::added(std::string_view path, const FileStat& stat) {
    state_->line("added", size_text(stat), path_text(path, is_directory(stat)));
}

void RunLog::changed(std::string_view path, const FileStat& stat, std::uint64_t old_size_bytes) {
    std::string text = path_text(path, is_directory(stat));
    if (stat.type == FileType::regular && stat.size != old_size_bytes) {
        text += format("  (was {})", format_bytes(old_size_bytes));
    }
    state_->line("changed", size_text(stat), text);
}

void RunLog::metadata_changed(std::string_view path, const FileStat& stat) {
    state_->line("meta", size_text(stat), path_text(path, is_directory(stat)));
}

void RunLog::deleted(std::string_view path, const FileStat& old_stat) {
    state_->line("deleted", size_text(old_stat), path_text(path, is_directory(old_stat)));
}

void RunLog::renamed(std::string_view from, std::string_view to, const FileStat& stat) {
    bool directory = is_directory(stat);
    state_->line("renamed", size_text(stat), path_text(from, directory) + " -> " + path_text(to, directory));
}

void RunLog::excluded(std::string_view path, std::string_view rule) {
    state_->line("excluded", "-", format("{}  ({})", escape_path(path), escape_path(rule)));
}

void RunLog::skipped_socket(std::string_view path) {
    state_->line("socket", "-", escape_path(path));
}

void RunLog::problem(std::string_view path, std::string_view what) {
    state_->line("problem", "-", format("{}: {}", path.empty() ? "." : escape_path(path), escape_path(what)));
}

void RunLog::note(std::string_view text) {
    state_->line("note", "-", escape_path(text));
}

void RunLog::finish(const ManifestTrailer& trailer, double seconds) {
    State& log = *state_;
    const RunCounts& counts = trailer.counts;
    log.begin_list();  // also of a run that has nothing to list: the totals are the third part
    log.print("\n");
    log.heading("tree", format("{} in {}, {}", plural(counts.files, "file", "files"),
                               plural(counts.directories, "directory", "directories"),
                               format_bytes(counts.tree_bytes)));
    log.heading("added", format_count(counts.added));
    log.heading("changed", format_count(counts.changed));
    log.heading("deleted", format_count(counts.deleted));
    log.heading("renamed", format_count(counts.renamed));
    log.heading("excluded", format_count(counts.excluded));
    log.heading("errors", format_count(counts.errors));
    log.heading("read", format_bytes(counts.read_bytes));
    log.heading("stored", format_bytes(counts.stored_bytes));
    for (const archive::VolumeInfo& volume : trailer.volumes) {
        log.heading("volume", format("{}  {} bytes  sha256 {}", escape_path(volume.name),
                                     format_count(volume.stored_bytes), volume.sha256.hex()));
    }
    log.heading("duration", format_duration(seconds));
    log.heading("finished",
                format("{} ({})", format_local(trailer.finished), format_iso_utc(trailer.finished)));
    log.flush();
    log.file->seal();
}

std::string summary_line(const ManifestHeader& header, const ManifestTrailer& trailer, double seconds) {
    const RunCounts& counts = trailer.counts;
    std::string line =
        format("run {} ({}): {} added, {} changed, {} deleted, {} renamed; {} read, {} stored in {}",
               header.run, header.kind == RunKind::full ? "full" : "incremental", format_count(counts.added),
               format_count(counts.changed), format_count(counts.deleted), format_count(counts.renamed),
               format_bytes(counts.read_bytes), format_bytes(counts.stored_bytes), format_duration(seconds));
    if (counts.errors > 0) line += format("; {}", plural(counts.errors, "error", "errors"));
    return line;
}

}  // namespace icecore::report
