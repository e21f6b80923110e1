#include "engine/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "base/shell.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/backup_dir.h"
#include "engine/data_source.h"
#include "engine/interrupted_run.h"
#include "engine/inventory.h"
#include "engine/offsite.h"
#include "engine/packer.h"
#include "engine/readme.h"
#include "engine/rebuild.h"
#include "engine/run_marker.h"
#include "engine/serial_observer.h"
#include "engine/snapshot_file.h"
#include "engine/tree_planner.h"
#include "report/run_log.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kPlanLinesMax = 10'000;

/// Closes the source at the end of a scope.
struct SourceCloser {
    std::optional<DataSource>& source;
    ~SourceCloser() { source.reset(); }
};

/// The state of one backup as its steps fill it in.
class BackupRun {
  public:
    BackupRun(const Environment& env, const SetOptions& set, const BackupRequest& request, Observer& observer)
        : env_(env),
          set_(set),
          request_(request),
          observer_(observer),
          started_ns_(env.clock.monotonic_ns()) {}

    BackupResult run() {
        BackupResult out = run_locked();
        if (uploader_) upload_ = uploader_->finish();
        out.upload = std::move(upload_);
        return out;
    }

  private:
    BackupResult run_locked() {
        open_directories();
        SetLock lock(env_, set_.backup_dir);
        SourceCloser closer{source_};  // a snapshot goes while the lock is held
        freeze_source();
        refuse_half_adopted();
        catalog_ = open_catalog_for_writing(env_, set_, observer_);
        finish_interrupted();
        decide_kind();
        scan();
        refuse_empty();
        if (request_.dry_run) return describe_plan();
        begin_upload();
        try {
            write_archive();
        } catch (const Error&) {
            uploader_.reset();
            free_space();
            throw;
        }
        return result();
    }

    void open_directories() {
        source_.emplace(set_);
        make_backup_directory(set_);
        refuse_nesting(set_);
    }

    /// A run of ours now would keep the other archives from ever being adopted.
    void refuse_half_adopted() const {
        std::string dir = adopting_in(set_.backup_dir);
        if (dir.empty()) {  // it was stopped before it could say what it would do
            std::string unsaid = partial_name(kAdoptingName);
            if (!request_.dry_run && path_exists(join_path(set_.backup_dir, unsaid)))
                env_.fs.remove(set_.backup_dir, unsaid);
            return;
        }
        throw Error(Error::Kind::exists, format("the adoption of {} was interrupted", escape_path(dir)),
                    format("run `icecore adopt {}` again; or remove {} and do without what is not adopted",
                           shell_quoted(dir), join_path(set_.backup_dir, kAdoptingName)));
    }

    /// The first run would replace what tar's chain goes on with.
    void refuse_snapshot_of_others() const {
        if (!path_exists(join_path(set_.backup_dir, kSnarName))) return;
        throw Error(
            Error::Kind::exists,
            format("{} has an archive.snar and no run that it belongs to", set_.backup_dir),
            format("`icecore adopt {}` takes over archives of tar's; to begin anew, move archive.snar "
                   "away",
                   shell_quoted(set_.backup_dir)));
    }

    /// A dry run looks at the directory itself.
    void freeze_source() {
        if (request_.dry_run) return;
        snapshot::Leftovers leftovers = remove_leftover_snapshots(env_, set_);
        for (const std::string& name : leftovers.removed)
            notes_.push_back(format("removed the snapshot {} that an interrupted run left", name));
        notes_.insert(notes_.end(), leftovers.problems.begin(), leftovers.problems.end());
        for (const std::string& note : notes_) observer_.warning(note);
        source_->freeze(env_);
    }

    void finish_interrupted() {
        if (request_.dry_run) {
            if (has_interrupted_run(set_.backup_dir))
                observer_.warning(
                    "a run was interrupted; the next backup finishes it and goes on from there");
            return;
        }
        interrupted_ = finish_interrupted_run(env_, set_, source_->root(), *catalog_, observer_);
        if (interrupted_ && interrupted_->outcome == InterruptedRun::Outcome::removed &&
            interrupted_->files_removed > 0)
            observer_.warning(format("an earlier run was interrupted: removed {} unfinished files",
                                     interrupted_->files_removed));
    }

    /// After an error. The disk may be full of what is of no use.
    void free_space() noexcept {
        try {
            snapshot_.reset();
            if (remove_worthless_run(env_, set_))
                observer_.warning("the volumes sealed so far are kept; the next backup carries on from them");
        } catch (const Error&) {
            return;  // the next run tries again
        }
    }

    void decide_kind() {
        std::optional<catalog::Run> last = catalog_->last_run();
        catalog::RunNumber highest = last ? last->number() : 0;
        for (const std::string& name : list_directory(set_.backup_dir))
            if (auto parsed = parse_archive_name(set_.name, name)) highest = std::max(highest, parsed->run);
        if (highest == 0) {
            refuse_snapshot_of_others();
            if (!request_.dry_run) highest = highest_offsite();
        }

        // The run is the tree as of a snapshot; GNU tar, too, must look at what has changed since then.
        started_ = source_->root().examined_at(env_.clock);
        header_.set = set_.name;
        header_.host = env_.host;
        header_.run = highest + 1;
        header_.started = started_;
        if (last && started_ < last->header.started) {
            notes_.push_back(format("the clock is before the last run: run {} started at {}", last->number(),
                                    format_local(last->header.started)));
            observer_.warning(notes_.back() + "; is the clock right?");
        }
        header_.program = env_.program_version;
        header_.compression = set_.compression;
        header_.reason = reason_for_full(last, highest);
        header_.kind = header_.reason.empty() ? archive::RunKind::incremental : archive::RunKind::full;
        if (header_.kind == archive::RunKind::incremental) {
            header_.parent = last->number();
            header_.parent_archive = last->header.archive_name;
        }
        header_.chain = header_.kind == archive::RunKind::full ? header_.run : last->header.chain;
        compared_with_ = last ? last->number() : 0;
        last_files_ = last ? last->trailer.counts.files : 0;
        names_ = make_archive_names(set_.name, header_.run, header_.kind, started_, set_.compression.method);
        header_.archive_name = names_.archive;
    }

    /// The first run here may not be the first: the backup directory may have been lost. Its number comes
    /// after those that the target has, so that the two histories can be told apart, and be recovered as one.
    catalog::RunNumber highest_offsite() {
        catalog::RunNumber highest = 0;
        try {
            std::unique_ptr<store::Target> target = open_target(env_, set_, observer_, Patience::seconds);
            if (target == nullptr || !target->capabilities().lists_at_once) return 0;
            target->list(store::ListScope::this_set, [&](const store::ObjectInfo& info) {
                if (auto parsed = parse_archive_name(set_.name, info.ref.name))
                    highest = std::max(highest, parsed->run);
            });
            if (highest == 0) return 0;
            notes_.push_back(format("{} has runs of this set, up to run {}, that are not known here",
                                    target->identity(), highest));
            observer_.warning(notes_.back() +
                              "; `icecore recover` brings them back, and what they hold need not "
                              "be stored again");
        } catch (const Error& e) {
            notes_.push_back("whether the target has runs of this set already cannot be seen: " +
                             e.message());
            observer_.warning(notes_.back());
        }
        return highest;
    }

    std::string reason_for_full(const std::optional<catalog::Run>& last, catalog::RunNumber highest) const {
        if (!last && highest == 0) return "this is the first run";
        if (!last) return "catalogue and manifests of the earlier runs are not here";
        if (request_.full) return "asked for with --full";
        if (!path_exists(join_path(set_.backup_dir, kSnarName))) return "archive.snar is missing";
        if (highest > last->number()) return format("the manifest of run {} is lost", highest);
        if (set_.full_every.runs && last->number() - last->header.chain + 1 >= *set_.full_every.runs)
            return format("the chain has {} runs (full_every)", last->number() - last->header.chain + 1);
        if (set_.full_every.seconds) {
            std::int64_t age = started_.sec - catalog_->run(last->header.chain)->header.started.sec;
            if (age >= *set_.full_every.seconds)
                return format("the last full run is {} old (full_every)",
                              format_duration(static_cast<double>(age)));
        }
        return "";
    }

    void scan() {
        PlanInput input{source_->root().fd,
                        set_,
                        catalog_.get(),
                        compared_with_,
                        header_.kind == archive::RunKind::full,
                        source_->walk_options(set_.filters)};
        if (!request_.dry_run) snapshot_.emplace(env_.fs, set_.backup_dir, started_, source_->device());
        plan_ = plan_run(input, set_.backup_dir, snapshot_ ? &*snapshot_ : nullptr, observer_);
    }

    void refuse_empty() const {
        if (request_.allow_empty || last_files_ == 0 || plan_->counts.files > 0 ||
            plan_->counts.directories > 1)
            return;
        throw Error(Error::Kind::exists,
                    format("{} is empty, but run {} found {} files there", set_.data_dir, compared_with_,
                           format_count(last_files_)),
                    "is the disk mounted? If the files are really gone, say --allow-empty");
    }

    /// Storing offsite never stops a run: what is wrong with the target is told at the end.
    void begin_upload() {
        try {
            target_ = open_target(env_, set_, observer_);
            if (target_ == nullptr) return;
            part_bytes_ = target_->capabilities().part_bytes;
            if (!request_.no_upload)
                uploader_.emplace(env_, set_, *target_, observer_,
                                  [this](Observer& told) { return open_target(env_, set_, told); });
            else if (part_bytes_ > 0)
                outbox_ = open_outbox(set_, observer_);
        } catch (const Error& e) {
            if (!request_.no_upload) upload_.emplace().failure = e;
        }
    }

    /// A later upload need not compute again what is known of a volume now.
    void hand_over(const archive::SealedVolume& volume) {
        if (uploader_) uploader_->add_volume(header_.run, volume.info, volume.parts);
        if (outbox_) outbox_->add(waiting_volume(*target_, header_.run, volume.info, volume.parts));
    }

    void write_archive() {
        // The marker comes first: whatever this run leaves behind when it is killed can then be told apart.
        write_marker(env_.fs, set_.backup_dir,
                     {.stem = names_.stem,
                      .had_snapshot = path_exists(join_path(set_.backup_dir, kSnarName)),
                      .purges_again = plan_->rename_sequence.purge_again,
                      .all_or_nothing = !plan_->deep_units.empty() || !plan_->deep_removals.empty(),
                      .closing_from = {}});
        report::RunLog log(env_.fs, set_.backup_dir, names_.log);
        archive::ManifestWriter manifest(env_.fs, set_.backup_dir, names_.manifest);
        std::unique_ptr<catalog::RunWriter> writer = catalog_->begin_run(header_);
        log.begin(header_, set_.data_dir, set_.backup_dir,
                  source_->root().frozen_at ? snapshot::kind_name(set_.snapshot.kind) : "");
        note_interrupted(log);
        for (const std::string& note : notes_) log.note(note);
        manifest.write(header_);
        record_events(log, manifest);
        record_renames(log, manifest, *writer);
        for (const std::string& path : plan_->made_anew_at) manifest.write(archive::ManifestAnew{path});
        record_deletions(log, manifest, *writer);
        manifest.checkpoint();

        Packer packer(env_, set_, source_->root(), *plan_, header_, started_,
                      {.manifest = manifest,
                       .catalog = *writer,
                       .log = log,
                       .on_volume = [this](const archive::SealedVolume& volume) { hand_over(volume); },
                       .part_bytes = part_bytes_},
                      observer_);
        packer.run();
        finish_source(log);
        trailer_.counts = packer.counts();
        trailer_.counts.renamed = plan_->renames.size();
        trailer_.counts.deleted = deleted_;
        trailer_.volumes = packer.volumes();
        trailer_.finished = env_.clock.now();

        write_readme(env_, set_, runs_with_this());
        manifest.write(trailer_);
        log.finish(trailer_, seconds());
        manifest.seal();  // from here on the run exists
        snapshot_->seal();
        writer->commit(trailer_);
        remove_marker(env_.fs, set_.backup_dir);
    }

    void finish_source(report::RunLog& log) {
        std::string problem = source_->finish();
        if (problem.empty()) return;
        log.note(problem);
        observer_.warning(problem);
    }

    /// The catalogue's, and this one, which is not in it yet.
    std::vector<catalog::Run> runs_with_this() const {
        std::vector<catalog::Run> runs = catalog_->runs();
        std::erase_if(runs, [this](const catalog::Run& run) { return run.number() >= header_.run; });
        runs.push_back({header_, trailer_});
        return runs;
    }

    void note_interrupted(report::RunLog& log) const {
        if (!interrupted_) return;
        if (interrupted_->outcome == InterruptedRun::Outcome::closed)
            log.note(format("run {} was interrupted: this run carries on after its {} sealed volumes",
                            interrupted_->run, interrupted_->volumes));
        else if (interrupted_->files_removed > 0)
            log.note(
                format("removed {} unfinished files of an interrupted run", interrupted_->files_removed));
    }

    void record_events(report::RunLog& log, archive::ManifestWriter& manifest) const {
        Spool::Reader events(plan_->events);
        for (std::string_view record; events.next(record);) {
            PlanEvent event = decode_event(record);
            switch (event.kind) {
                case PlanEvent::Kind::excluded:
                    log.excluded(event.path, event.text);
                    break;
                case PlanEvent::Kind::socket:
                    log.skipped_socket(event.path);
                    break;
                case PlanEvent::Kind::problem:
                    log.problem(event.path, event.text);
                    manifest.write(archive::ManifestError{event.path, event.text});
                    break;
            }
        }
    }

    void record_renames(report::RunLog& log, archive::ManifestWriter& manifest,
                        catalog::RunWriter& writer) const {
        for (const PlannedRename& rename : plan_->renames) {
            archive::ManifestRename line{rename.from, rename.to};
            log.renamed(rename.from, rename.to, rename.stat);
            manifest.write(line);
            writer.rename(line);
        }
    }

    void record_deletions(report::RunLog& log, archive::ManifestWriter& manifest,
                          catalog::RunWriter& writer) {
        std::uint64_t where = 0;
        Spool::Reader vanished(plan_->vanished);
        for (std::string_view record; vanished.next(record); where = vanished.offset()) {
            if (plan_->found_again.contains(where)) continue;
            VanishedName name = decode_vanished(record);
            bool directory = name.old.stat.type == FileType::directory;
            bool retyped = name.kind == VanishedName::Kind::retyped;
            if (name.kind == VanishedName::Kind::replaced) continue;
            if (!retyped || directory) log.deleted(name.path, name.old.stat);
            if (!retyped && !directory) ++deleted_;
            if (header_.kind == archive::RunKind::full || name.kind == VanishedName::Kind::below) continue;
            if (retyped && is_rename_target(name.path)) continue;
            archive::ManifestDelete line{name.path};
            manifest.write(line);
            writer.remove(line);
        }
    }

    /// Whether something is moved to `path` or below it: then nothing of the old tree is there any more.
    bool is_rename_target(const std::string& path) {
        if (rename_targets_.empty())
            for (const PlannedRename& rename : plan_->renames) rename_targets_.insert(rename.to);
        if (rename_targets_.contains(path)) return true;
        auto below = rename_targets_.lower_bound(path + "/");
        return below != rename_targets_.end() && below->starts_with(path + "/");
    }

    BackupResult describe_plan() {
        BackupResult result;
        result.header = header_;
        result.trailer.counts = plan_->counts;
        result.trailer.counts.read_bytes = plan_->read_bytes;
        auto tell = [&result](std::string line) {
            if (result.plan.size() < kPlanLinesMax) result.plan.push_back(std::move(line));
        };
        for (const PlannedRename& rename : plan_->renames)
            tell(format("renamed  {} -> {}", escape_path(rename.from), escape_path(rename.to)));
        result.trailer.counts.renamed = plan_->renames.size();
        std::uint64_t where = 0;
        Spool::Reader vanished(plan_->vanished);
        for (std::string_view record; vanished.next(record); where = vanished.offset()) {
            if (plan_->found_again.contains(where)) continue;
            VanishedName name = decode_vanished(record);
            if (name.kind == VanishedName::Kind::replaced || name.kind == VanishedName::Kind::retyped)
                continue;
            if (name.old.stat.type != FileType::directory) ++result.trailer.counts.deleted;
            tell("deleted  " + escape_path(name.path));
        }
        describe_files(result, tell);
        result.seconds = seconds();
        return result;
    }

    void describe_files(BackupResult& result, const std::function<void(std::string)>& tell) {
        Spool::Reader directories(plan_->directories);
        Spool::Reader files(plan_->files);
        archive::RunCounts& counts = result.trailer.counts;
        for (std::string_view record; directories.next(record);) {
            PlannedDirectory directory = decode_directory(record);
            for (std::uint64_t i = 0; i < directory.file_count && files.next(record); ++i) {
                PlannedFile file = decode_file(record);
                if (plan_->moved_files.contains(file.sequence) || file.change == Change::none) continue;
                bool added = file.change == Change::added;
                ++(added ? counts.added : counts.changed);
                tell(format("{:<8} {} ({})", added ? "added" : "changed",
                            escape_path(join_path(directory.path, file.name)), format_bytes(file.stat.size)));
            }
        }
    }

    BackupResult result() const {
        BackupResult result;
        result.header = header_;
        result.trailer = trailer_;
        result.seconds = seconds();
        result.log_file = join_path(set_.backup_dir, names_.log);
        result.interrupted = interrupted_;
        return result;
    }

    double seconds() const { return static_cast<double>(env_.clock.monotonic_ns() - started_ns_) / 1e9; }

    const Environment& env_;
    const SetOptions& set_;
    const BackupRequest& request_;
    SerialObserver observer_;
    std::int64_t started_ns_;
    std::optional<DataSource> source_;
    std::optional<InterruptedRun> interrupted_;
    std::set<std::string, std::less<>> rename_targets_;
    std::vector<std::string> notes_;  ///< for the log
    std::unique_ptr<catalog::Catalog> catalog_;
    Timestamp started_;
    archive::ManifestHeader header_;
    archive::ManifestTrailer trailer_;
    ArchiveNames names_;
    catalog::RunNumber compared_with_ = 0;
    std::uint64_t last_files_ = 0;
    std::uint64_t deleted_ = 0;
    std::optional<SnapshotFile> snapshot_;
    std::unique_ptr<Plan> plan_;
    std::unique_ptr<store::Target> target_;
    std::uint64_t part_bytes_ = 0;             ///< that it sends volumes in
    std::unique_ptr<catalog::Outbox> outbox_;  ///< where the uploading is left to a later upload
    std::optional<UploadResult> upload_;
    std::optional<BackgroundUploader> uploader_;
};

}  // namespace

BackupResult run_backup(const Environment& env, const SetOptions& set, const BackupRequest& request,
                        Observer& observer) {
    return BackupRun(env, set, request, observer).run();
}

}  // namespace icecore::engine
