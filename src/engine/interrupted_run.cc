#include "engine/interrupted_run.h"

#include <fcntl.h>

#include <algorithm>
#include <set>
#include <vector>

#include "archive/dumpdir.h"
#include "archive/frame.h"
#include "archive/volume_bytes.h"
#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "engine/archive_closer.h"
#include "engine/backup_dir.h"
#include "engine/interrupted_archive.h"
#include "engine/offsite.h"
#include "engine/run_marker.h"
#include "engine/run_recorder.h"
#include "engine/snapshot_file.h"

namespace icecore::engine {
namespace {

using archive::ManifestEntry;
using archive::ManifestLine;
using archive::ManifestReader;

/// The journal's name while a run is being closed: its manifest, made anew, needs the temporary one.
std::string journal_name(const std::string& stem) {
    return "." + stem + ".journal";
}

std::string manifest_name(const std::string& stem) {
    return stem + ".manifest.zst";
}

/// Closes one archive. The lines that count go from the journal to the new manifest, in order; then what the
/// archive's tail holds beside them; then what the closing itself adds.
class Closing {
  public:
    Closing(const Environment& env, const SetOptions& set, const RunMarker& marker, const DataRoot& root,
            catalog::Catalog& catalog, InterruptedArchive& archive)
        : env_(env),
          set_(set),
          marker_(marker),
          root_(root),
          catalog_(catalog),
          archive_(archive),
          tail_(archive),
          header_(archive.header()) {
        header_.interrupted = true;
    }

    void run() {
        report::RunLog log(env_.fs, set_.backup_dir, marker_.stem + ".log");
        log.begin(header_, set_.data_dir, set_.backup_dir);
        log.note(format(
            "this run was interrupted; its archive was closed on {} with what its {} sealed volumes hold",
            format_local(env_.clock.now()), archive_.volumes().size()));
        RunRecorder record(env_, set_.backup_dir, manifest_name(marker_.stem), catalog_, header_, &log);
        record_ = &record;
        copy_volumes();
        copy_journal();
        copy_tail();
        if (archive_.has_cut_member() || !archive_.ended()) add_volumes();
        record.seal();
    }

  private:
    void copy_volumes() {
        for (const archive::VolumeInfo& volume : archive_.volumes()) {
            auto bytes = archive::open_volume_file(join_path(set_.backup_dir, volume.name));
            record_->volume(volume, archive::read_seek_table(header_.compression.method, *bytes));
        }
    }

    void copy_journal() {
        ManifestReader journal(join_path(set_.backup_dir, journal_name(marker_.stem)),
                               ManifestReader::Expect::may_be_cut);
        std::uint64_t index = 0;
        while (std::optional<ManifestLine> line = journal.next()) {
            if (auto* rename = std::get_if<archive::ManifestRename>(&*line)) {
                record_->rename(*rename);
                renames_.push_back(*rename);
            } else if (auto* anew = std::get_if<archive::ManifestAnew>(&*line)) {
                record_->anew(*anew);
                anew_.insert(anew->path);
            } else if (auto* deletion = std::get_if<archive::ManifestDelete>(&*line)) {
                if (is_executed(*deletion)) record_->remove(*deletion);
            } else if (auto* error = std::get_if<archive::ManifestError>(&*line)) {
                record_->problem(*error);
            } else if (auto* entry = std::get_if<ManifestEntry>(&*line)) {
                if (++index > archive_.entries_kept() && !in_tail(*entry)) return;
                put(*entry);
            }
        }
    }

    /// tar removes a name when it meets its directory's record.
    bool is_executed(const archive::ManifestDelete& deletion) const {
        std::string parent(parent_path(deletion.path));
        return archive_.reaches(parent) || anew_.contains(parent);
    }

    void put(const ManifestEntry& entry) {
        root_seen_ |= entry.path.empty();
        record_->put(entry);
    }

    /// Steps through the tail along with the journal's lines. False when they part.
    bool in_tail(const ManifestEntry& entry) {
        fetch();
        if (!member_) return false;
        if (entry.stored == archive::Stored::earlier) return true;  // has no member
        bool cut = members_seen_ > archive_.tail_members();
        bool same_type =
            member_->hard_link ? entry.stored == archive::Stored::link : member_->type == entry.stat.type;
        if (cut || !same_type || archive::path_of_member(member_->name) != entry.path) return false;
        member_.reset();
        return true;
    }

    /// The tail's next member, unless one waits. The root's second record has no line.
    void fetch() {
        while (!member_ && members_seen_ < archive_.tail_members() + (archive_.has_cut_member() ? 1 : 0)) {
            member_ = tail_.next();
            CHECK(member_.has_value());
            ++members_seen_;
            bool root =
                member_->type == FileType::directory && archive::path_of_member(member_->name).empty();
            if (root && std::exchange(root_seen_, true)) member_.reset();
        }
    }

    void copy_tail() {
        for (fetch(); member_ && members_seen_ <= archive_.tail_members(); fetch()) {
            record_->put_member(*member_, tail_.reader(), tail_.location(*member_));
            member_.reset();
        }
    }

    void add_volumes() {
        RunMarker marker = marker_;
        marker.closing_from = static_cast<std::uint32_t>(archive_.volumes().size());
        write_marker(env_.fs, set_.backup_dir, marker);
        ArchiveCloser closer(env_, set_, archive_, [this](const archive::SealedVolume& volume) {
            record_->volume(volume.info, volume.frames);
        });
        if (member_) {
            ManifestEntry entry = closer.complete(*member_, tail_, root_);
            put(entry);
            if (entry.unstable)
                record_->problem(
                    {entry.path, "was cut by the interruption, and is not the same any more: incomplete"});
        }
        add_directories(closer);
        closer.finish();
    }

    /// Directories that the renames have made or changed, and whose own members the archive does not reach.
    void add_directories(ArchiveCloser& closer) {
        auto order = [](const std::string& a, const std::string& b) { return comes_before(a, b); };
        std::set<std::string, decltype(order)> wanted(order);
        auto want = [&](std::string path) {
            if (!archive_.reaches(path)) wanted.insert(std::move(path));
        };
        std::sort(renames_.begin(), renames_.end(),
                  [](const auto& a, const auto& b) { return a.from < b.from; });
        for (const archive::ManifestRename& rename : renames_) {
            std::string parent(parent_path(rename.to));
            want(parent);
            while (is_unrecorded(parent)) {  // made by tar, in a directory whose times suffer
                parent = parent_path(parent);
                want(parent);
            }
            want(new_path_of(std::string(parent_path(rename.from))));
        }
        for (const std::string& path : anew_) {
            want(path);
            want(std::string(parent_path(path)));
        }
        for (const std::string& path : wanted) add_directory(closer, path);
    }

    /// Where a directory of the parent run's tree is now.
    std::string new_path_of(std::string old_path) const {
        for (std::string head = old_path; !head.empty(); head = parent_path(head)) {
            auto it = std::lower_bound(
                renames_.begin(), renames_.end(), head,
                [](const auto& rename, const std::string& path) { return rename.from < path; });
            if (it != renames_.end() && it->from == head) return it->to + old_path.substr(head.size());
        }
        return old_path;
    }

    /// A directory that only stands in the tree because something was moved into it.
    bool is_unrecorded(const std::string& path) {
        if (path.empty()) return false;
        std::optional<catalog::Entry> entry = record_->tree().find(path);
        return entry && entry->node != 0 && entry->stat.ctime == Timestamp{} &&
               entry->stat.mtime == Timestamp{};
    }

    void add_directory(ArchiveCloser& closer, const std::string& path) {
        std::optional<catalog::Entry> there = record_->tree().find(path);
        if (!there || there->node == 0) return;
        ManifestEntry entry;
        entry.path = path;
        entry.stat = there->stat;
        entry.metadata = decode_metadata(there->metadata);
        if (is_unrecorded(path)) look_at_directory(entry);
        archive::TarMember member;
        member.name = "./" + path + "/";
        member.type = FileType::directory;
        member.mode = entry.stat.mode;
        member.uid = entry.stat.uid;
        member.gid = entry.stat.gid;
        member.mtime = entry.stat.mtime;
        member.metadata = entry.metadata;
        archive::Dumpdir names;
        record_->tree().list(path, [&names](const catalog::Entry& child) {
            names.entries.push_back({child.node != 0 ? 'D' : 'N', child.name});
        });
        member.dumpdir = archive::encode_dumpdir(std::move(names));
        closer.add_directory(member);
        record_->put_directory(entry);
    }

    /// What can be said of a new directory: how it is now, or what suits.
    void look_at_directory(ManifestEntry& entry) const {
        Fd fd = open_beneath(root_.fd, entry.path, O_RDONLY | O_DIRECTORY);
        if (fd && stat_at(fd.get(), "", entry.stat, AT_EMPTY_PATH)) {
            entry.metadata = read_metadata(fd.get());
        } else {
            entry.stat.mode = 0700;
            entry.stat.nlink = 1;
            entry.stat.mtime = env_.clock.now();
        }
        entry.racy = true;
    }

    const Environment& env_;
    const SetOptions& set_;
    const RunMarker& marker_;
    DataRoot root_;
    catalog::Catalog& catalog_;
    InterruptedArchive& archive_;
    InterruptedArchive::Tail tail_;
    archive::ManifestHeader header_;
    RunRecorder* record_ = nullptr;
    std::vector<archive::ManifestRename> renames_;
    std::set<std::string> anew_;
    std::optional<archive::TarMember> member_;  ///< of the tail, not yet recorded
    std::uint64_t members_seen_ = 0;
    bool root_seen_ = false;
};

/// The steps, each of which can be stopped and done again.
class Finisher {
  public:
    Finisher(const Environment& env, const SetOptions& set, const DataRoot& root, catalog::Catalog& catalog,
             Observer& observer, RunMarker marker)
        : env_(env),
          set_(set),
          root_(root),
          catalog_(catalog),
          observer_(observer),
          marker_(std::move(marker)) {}

    InterruptedRun run() {
        InterruptedRun result;
        std::optional<ParsedName> name = parse_archive_name(set_.name, manifest_name(marker_.stem));
        if (name && exists(manifest_name(marker_.stem))) {
            result.outcome = InterruptedRun::Outcome::finished;
        } else if (name && close(result)) {
            result.outcome = InterruptedRun::Outcome::closed;
        }
        bool kept = result.outcome != InterruptedRun::Outcome::removed;
        if (kept) {
            result.run = name->run;
            renew_snapshot(name->run);
        }
        result.files_removed = remove_files(!kept);
        remove_marker(env_.fs, set_.backup_dir);
        return result;
    }

    std::uint64_t remove_files(bool all) {
        std::vector<std::string> names;
        for (const std::string& name : list_directory(set_.backup_dir)) {
            bool ours = name.starts_with("." + marker_.stem) || name == partial_name(kSnarName) ||
                        (all && name.starts_with(marker_.stem));
            if (ours && !marker_.stem.empty()) names.push_back(name);
        }
        discard_uploads(set_, names, observer_);
        for (const std::string& name : names) env_.fs.remove(set_.backup_dir, name);
        return names.size();
    }

  private:
    bool exists(const std::string& name) const { return path_exists(join_path(set_.backup_dir, name)); }

    bool close(InterruptedRun& result) {
        if (marker_.all_or_nothing) return false;
        std::string journal = journal_name(marker_.stem);
        std::string partial = partial_name(manifest_name(marker_.stem));
        if (!exists(journal)) {
            if (!exists(partial)) return false;
            env_.fs.rename(set_.backup_dir, partial, journal);
        }
        std::unique_ptr<InterruptedArchive> archive =
            InterruptedArchive::open(set_.backup_dir, join_path(set_.backup_dir, journal),
                                     marker_.closing_from.value_or(UINT32_MAX), marker_.purges_again);
        if (archive == nullptr || !fits(archive->header())) return false;
        observer_.warning(format("run {} was interrupted: closing its archive, {} sealed volumes are kept",
                                 archive->header().run, archive->volumes().size()));
        remove_earlier_closing(*archive);
        result.volumes = archive->volumes().size();
        Closing(env_, set_, marker_, root_, catalog_, *archive).run();
        return true;
    }

    /// Whether the journal belongs to the marker, and to the catalogue.
    bool fits(const archive::ManifestHeader& header) const {
        std::optional<ParsedName> name = parse_archive_name(set_.name, header.archive_name);
        if (!name || name->stem != marker_.stem || name->run != header.run) return false;
        if (catalog_.run(header.run)) return false;
        std::optional<catalog::Run> last = catalog_.last_run();
        if (header.kind == archive::RunKind::full) return true;
        return last && last->number() == header.parent &&
               (header.parent_archive.empty() || header.parent_archive == last->header.archive_name);
    }

    /// Of an earlier closing that was stopped, or of no use.
    void remove_earlier_closing(const InterruptedArchive& archive) {
        std::string log = marker_.stem + ".log";
        if (exists(log)) env_.fs.remove(set_.backup_dir, log);
        std::set<std::string> kept;
        for (const archive::VolumeInfo& volume : archive.volumes()) kept.insert(volume.name);
        for (const std::string& name : list_directory(set_.backup_dir)) {
            std::optional<ParsedName> parsed = parse_archive_name(set_.name, name);
            bool volume = parsed && parsed->stem == marker_.stem && parsed->part == ParsedName::Part::volume;
            if (volume && !kept.contains(name)) env_.fs.remove(set_.backup_dir, name);
        }
    }

    /// archive.snar as of the run, from the catalogue, unless somebody has deleted it since.
    void renew_snapshot(catalog::RunNumber run) {
        if (marker_.had_snapshot && !exists(std::string(kSnarName))) return;
        std::optional<catalog::Run> known = catalog_.run(run);
        if (!known) return;  // its chain has a gap; the next run is full anyway
        SnapshotFile snapshot(env_.fs, set_.backup_dir, known->header.started);
        snapshot.begin();
        std::string names;
        catalog_.walk(run, "", [&](const std::string& path, const catalog::Entry& entry) {
            if (entry.node == 0) return true;
            names.clear();
            catalog_.children(entry.node, run, [&names](const catalog::Entry& child) {
                names += child.node != 0 ? 'D' : 'Y';
                names += child.name;
                names += '\0';
            });
            names += '\0';
            snapshot.directory(path, entry.stat, names);
            return true;
        });
        snapshot.seal();
    }

    const Environment& env_;
    const SetOptions& set_;
    DataRoot root_;
    catalog::Catalog& catalog_;
    Observer& observer_;
    RunMarker marker_;
};

}  // namespace

std::optional<InterruptedRun> finish_interrupted_run(const Environment& env, const SetOptions& set,
                                                     const DataRoot& root, catalog::Catalog& catalog,
                                                     Observer& observer) {
    std::optional<RunMarker> marker = read_marker(set.backup_dir);
    if (!marker) return std::nullopt;
    return Finisher(env, set, root, catalog, observer, std::move(*marker)).run();
}

bool has_interrupted_run(const std::string& backup_dir) {
    return read_marker(backup_dir).has_value();
}

bool remove_worthless_run(const Environment& env, const SetOptions& set) {
    std::optional<RunMarker> marker = read_marker(set.backup_dir);
    if (!marker) return false;
    for (const std::string& name : list_directory(set.backup_dir))
        if (name.starts_with(marker->stem)) return true;
    RunMarker copy = *marker;
    for (const std::string& name : list_directory(set.backup_dir)) {
        if (!name.starts_with("." + marker->stem) && name != partial_name(kSnarName)) continue;
        env.fs.remove(set.backup_dir, name);
    }
    remove_marker(env.fs, set.backup_dir);
    return false;
}

}  // namespace icecore::engine
