#include "engine/adopt.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <map>
#include <set>

#include "archive/volume_bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/stream_hash.h"
#include "base/text.h"
#include "engine/adopted_volume.h"
#include "engine/archive_record.h"
#include "engine/backup_dir.h"
#include "engine/inventory.h"
#include "engine/readme.h"
#include "engine/rebuild.h"
#include "engine/snapshot_file.h"
#include "report/run_log.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kCopyBytes = 1 << 20;
constexpr std::size_t kNeverStoredMax = 100'000;

/// The method alone: nobody knows the level.
archive::Compression compression_of(archive::Compression::Method method) {
    archive::Compression compression;
    compression.method = method;
    return archive::parse_compression(
        std::string(archive::to_string(compression).substr(0, archive::to_string(compression).find(':'))));
}

bool is_same_file(const std::string& a, const std::string& b) {
    FileStat x;
    FileStat y;
    Fd fd = open_at(AT_FDCWD, a.c_str(), O_RDONLY | O_NONBLOCK);
    return fd && stat_at(fd.get(), "", x, AT_EMPTY_PATH) && stat_at(AT_FDCWD, b.c_str(), y) &&
           x.ino == y.ino && x.dev == y.dev;
}

class Adoption {
  public:
    Adoption(const Environment& env, const SetOptions& set, const AdoptRequest& request, Observer& observer)
        : env_(env), set_(set), request_(request), observer_(observer) {}

    AdoptResult run() {
        std::int64_t started_ns = env_.clock.monotonic_ns();
        refuse_other_backups();
        if (path_exists(set_.backup_dir)) begin();  // else nothing is made before there is something to adopt
        found_ = find_archives(set_, request_.find, observer_);
        out_.root = found_.root;
        out_.passed_over = found_.passed_over;
        if (found_.archives.empty()) show_known_runs();
        plan();
        examine_snapshot();
        if (!request_.dry_run) {
            if (!lock_) begin();
            mark();
            for (std::size_t i = 0; i < out_.runs.size(); ++i)
                if (!out_.runs[i].adopted_before) adopt_one(i);
            finish();
        }
        out_.seconds = static_cast<double>(env_.clock.monotonic_ns() - started_ns) / 1e9;
        return std::move(out_);
    }

  private:
    /// Before anything is made: a directory of ours needs no adoption, and one with runs of ours cannot get
    /// older ones.
    void refuse_other_backups() const {
        for (const std::string& name : list_directory(request_.find.dir)) {
            bool ours = name.ends_with(".manifest.zst") && !parse_archive_name(set_.name, name);
            if (ours || (name.ends_with(".manifest.zst") && !is_in_backup_directory()))
                throw Error(
                    Error::Kind::exists,
                    format("{} is a backup directory of icecore already: it has {}", request_.find.dir,
                           escape_path(name)),
                    "make it the `backup` of a set of that name; `icecore rebuild` makes the catalogue");
        }
    }

    void begin() {
        if (!request_.dry_run) {
            make_backup_directory(set_);
            if (path_exists(set_.data_dir)) refuse_nesting(set_);
            lock_.emplace(env_, set_.backup_dir);
        }
        open_catalogue();
    }

    /// Until all is adopted, no run of ours may come after the last one that is.
    void mark() {
        write_file_durably(env_.fs, set_.backup_dir, std::string(kAdoptingName), request_.find.dir + "\n",
                           true);
    }

    bool is_in_backup_directory() const { return is_same_file(request_.find.dir, set_.backup_dir); }

    void open_catalogue() {
        Inventory inventory = read_inventory(set_);
        bool any = inventory.has_catalogue || !inventory.runs.empty();
        if (any && request_.dry_run) {
            if (std::any_of(inventory.runs.begin(), inventory.runs.end(),
                            [](const auto& run) { return !run.second.manifest.empty(); }))
                catalog_ = open_catalog(env_, set_, observer_);
        } else if (!request_.dry_run) {
            catalog_ = open_catalog_for_writing(env_, set_, observer_);
        }
        if (!catalog_) return;
        for (const catalog::Run& run : catalog_->runs()) {
            if (!run.header.adopted)
                throw Error(
                    Error::Kind::exists,
                    format("{} has run {}, made by icecore itself: older archives cannot come after it",
                           set_.backup_dir, run.number()),
                    "adopt into another backup directory (and set)");
            known_.push_back(run);
        }
        for (const auto& [number, files] : inventory.runs)
            if (!files.manifest.empty() && (known_.empty() || number > known_.back().number()))
                throw Error(Error::Kind::corrupt, format("run {} cannot be read", number),
                            "try `icecore rebuild` first");
    }

    /// In the backup directory itself there may be none under its old name any more.
    void show_known_runs() {
        if (known_.empty() || !is_in_backup_directory()) {
            std::string why;
            if (!found_.passed_over.empty())
                why =
                    format(": {}: {}", escape_path(found_.passed_over[0].name), found_.passed_over[0].reason);
            throw Error(Error::Kind::not_found,
                        format("{} holds no archive to adopt{}", request_.find.dir, why));
        }
        for (const catalog::Run& run : known_) {
            AdoptedRun adopted;
            adopted.name = run.header.adopted->name;
            adopted.header = run.header;
            adopted.trailer = run.trailer;
            adopted.adopted_before = true;
            out_.runs.push_back(std::move(adopted));
        }
        if (path_exists(join_path(set_.backup_dir, kSnarName)))
            out_.snapshot = AdoptResult::Snapshot::matches;
    }

    /// Which archive becomes which run.
    void plan() {
        for (const catalog::Run& run : known_)
            if (is_overwritten(run)) out_.overwritten.push_back(run.header);
        catalog::RunNumber next = known_.empty() ? 1 : known_.back().number() + 1;
        catalog::RunNumber chain = known_.empty() ? 0 : known_.back().header.chain;
        std::string parent = known_.empty() ? "" : known_.back().header.archive_name;
        bool new_ones = false;
        for (std::size_t i = 0; i < found_.archives.size(); ++i) {
            const FoundArchive& found = found_.archives[i];
            AdoptedRun run;
            run.name = found.name;
            run.time_from_name = found.time_from_name;
            if (const catalog::Run* known = known_run_of(found)) {
                if (new_ones) refuse_between(found_.archives[i - 1].name, found.name);
                run.header = known->header;
                run.trailer = known->trailer;
                run.adopted_before = true;
            } else {
                if (!new_ones) refuse_older(found);
                new_ones = true;
                run.header = header_of(found, next++, chain);
                if (run.header.kind == archive::RunKind::incremental) run.header.parent_archive = parent;
                chain = run.header.chain;
                parent = run.header.archive_name;
            }
            out_.runs.push_back(std::move(run));
        }
    }

    /// The run that the archive was made to: the same file, or one of the same bytes that had its name. (Two
    /// archives of the same bytes and other names are of two runs in which nothing happened.)
    const catalog::Run* known_run_of(const FoundArchive& found) const {
        std::string path = join_path(request_.find.dir, found.name);
        for (const catalog::Run& run : known_) {
            const archive::VolumeInfo& volume = run.trailer.volumes.at(0);
            if (volume.stored_bytes != found.stat.size || is_overwritten(run)) continue;
            if (is_same_file(path, join_path(set_.backup_dir, volume.name))) return &run;
            // A manifest that was made again does not know the old name.
            const std::string& name = run.header.adopted->name;
            if ((name == found.name || name == volume.name) && digests_of_file(path).sha256 == volume.sha256)
                return &run;
        }
        return nullptr;
    }

    /// With hard links, whoever writes to an old name writes into a run's archive.
    bool is_overwritten(const catalog::Run& run) const {
        const archive::VolumeInfo& volume = run.trailer.volumes.at(0);
        FileStat stat;
        if (!stat_at(AT_FDCWD, join_path(set_.backup_dir, volume.name).c_str(), stat)) return false;
        return stat.size != volume.stored_bytes || stat.mtime > run.trailer.finished;
    }

    /// The order of runs is that of the archives.
    void refuse_older(const FoundArchive& found) const {
        if (known_.empty() || !request_.find.names.empty() || found.time >= known_.back().header.started)
            return;
        refuse_between(found.name, known_.back().header.adopted->name);
    }

    [[noreturn]] void refuse_between(const std::string& name, const std::string& after) const {
        throw Error(Error::Kind::invalid,
                    format("{} would have to come before {}, which is adopted already", escape_path(name),
                           escape_path(after)),
                    "adopt all of them into an empty backup directory");
    }

    archive::ManifestHeader header_of(const FoundArchive& found, catalog::RunNumber number,
                                      catalog::RunNumber chain) const {
        archive::ManifestHeader header;
        header.set = set_.name;
        header.host = env_.host;
        header.run = number;
        header.started = found.time;
        header.program = env_.program_version;
        header.compression = compression_of(found.method);
        bool incremental = found.survey.incremental && chain != 0;
        header.kind = incremental ? archive::RunKind::incremental : archive::RunKind::full;
        header.parent = incremental ? number - 1 : 0;
        header.chain = incremental ? chain : number;
        if (!incremental)
            header.reason = found.survey.incremental ? "adopted; the full archive before it is missing"
                                                     : "adopted: a full archive";
        ArchiveNames names =
            make_archive_names(set_.name, number, header.kind, header.started, header.compression.method);
        header.archive_name = names.archive;
        header.adopted = archive::AdoptedArchive{found.name, found_.root, found.survey.damage};
        return header;
    }

    static std::string snapshot_difference(const FoundSnapshot& snapshot, const FoundArchive& last,
                                           std::uint64_t directories, std::uint64_t different,
                                           const std::string& example) {
        if (different == 0)
            return format("it has {} directories, {} has {}", snapshot.directories.size(),
                          escape_path(last.name), directories);
        return format("{} of {} directories in {} have other names in them, {} for one", different,
                      directories, escape_path(last.name),
                      example.empty() ? "the uppermost" : escape_path(example));
    }

    void examine_snapshot() {
        if (!found_.snapshot) return;
        FoundSnapshot& snapshot = *found_.snapshot;
        out_.snapshot_name = snapshot.name;
        out_.snapshot_problem = snapshot.problem;
        out_.snapshot = AdoptResult::Snapshot::damaged;
        if (!snapshot.problem.empty()) return;
        const FoundArchive& last = found_.archives.back();
        std::uint64_t directories = 0;
        std::uint64_t different = 0;
        std::string example;
        SurveyRequest request;
        request.root = found_.root;
        request.on_directory = [&](const std::string& path, std::string_view dumpdir) {
            ++directories;
            std::vector<std::string> names;
            for (archive::Dumpdir::Entry& entry : archive::parse_dumpdir(dumpdir).entries)
                names.push_back(std::move(entry.name));
            auto known = snapshot.directories.find(path);
            bool same = known != snapshot.directories.end() &&
                        (known->second.names_hash == 0 ||
                         known->second.names_hash == hash_of_names(std::move(names)));
            if (!same && different++ == 0) example = path;
        };
        survey_volume(last.method, archive::open_volume_file(join_path(request_.find.dir, last.name)),
                      request);
        bool same = different == 0 && directories == snapshot.directories.size();
        out_.snapshot = same ? AdoptResult::Snapshot::matches : AdoptResult::Snapshot::differs;
        if (!same)
            out_.snapshot_problem = snapshot_difference(snapshot, last, directories, different, example);
    }

    void adopt_one(std::size_t index) {
        AdoptedRun& run = out_.runs[index];
        FoundArchive& found = found_.archives[index];
        archive::ManifestHeader& header = run.header;
        std::string path = join_path(request_.find.dir, found.name);
        try {
            bool surveyed = found.survey.complete || !found.survey.damage.empty();
            AdoptedVolume volume = examine_adopted_volume(
                path, header, surveyed ? std::optional(std::move(found.survey)) : std::nullopt);
            header.adopted->damage = volume.survey.damage;
            std::string stem = make_archive_names(set_.name, header.run, header.kind, header.started,
                                                  header.compression.method)
                                   .stem;
            run.linked = place(path, header.archive_name);
            if (path_exists(join_path(set_.backup_dir, stem + ".log")))  // of an attempt that was stopped
                env_.fs.remove(set_.backup_dir, stem + ".log");
            report::RunLog log(env_.fs, set_.backup_dir, stem + ".log");
            log.begin(header, set_.data_dir, set_.backup_dir);
            log.note(format("adopted: it was {}", escape_path(path)));
            if (!header.adopted->damage.empty())
                log.note("the archive is damaged, and ends here: " + header.adopted->damage);
            if (index == 0 || out_.runs[index - 1].adopted_before) learn_never_stored(index);
            ArchiveRecordOptions options;
            options.log = &log;
            options.never_stored = &never_stored_;
            options.observer = &observer_;
            if (index + 1 == out_.runs.size() && out_.snapshot == AdoptResult::Snapshot::matches)
                options.inode_of = [this](const std::string& directory) {
                    auto known = found_.snapshot->directories.find(directory);
                    return known == found_.snapshot->directories.end() ? 0 : known->second.ino;
                };
            take_over(run, record_archive(env_, set_, *catalog_, header, {volume.recorded}, options));
        } catch (Error& e) {
            e.add_context(format("adopting {}", path));
            throw;
        }
    }

    static void take_over(AdoptedRun& run, ArchiveRecordResult result) {
        run.trailer = std::move(result.trailer);
        run.members = result.entries;
        run.lost = result.lost;
        run.not_stored = result.not_stored;
        run.outside = result.outside;
        run.failed_rename = std::move(result.failed_rename);
        run.examples = std::move(result.examples);
    }

    /// Gives the archive its name in the backup directory, durably. Whether by a hard link.
    bool place(const std::string& path, const std::string& name) {
        std::string to = join_path(set_.backup_dir, name);
        if (path_exists(to)) {
            if (is_same_file(path, to)) return true;
            env_.fs.remove(set_.backup_dir, name);  // an earlier attempt's: no manifest knows it
        }
        if (!request_.copy && env_.fs.link(path, set_.backup_dir, name)) return true;
        Fd from = open_file(path, O_RDONLY);
        std::unique_ptr<OutputFile> copy = env_.fs.create(set_.backup_dir, name, false);
        if (ioctl(copy->fd(), FICLONE, from.get()) != 0) {
            std::string buffer(kCopyBytes, '\0');
            while (std::size_t n = read_full(from.get(), buffer.data(), buffer.size()))
                copy->write(std::string_view(buffer).substr(0, n));
        }
        copy->seal();
        return false;
    }

    /// Going on after earlier runs: names that the last one lists and that are not in its tree.
    void learn_never_stored(std::size_t index) {
        if (index == 0 && known_.empty()) return;
        const archive::ManifestHeader& before =
            index == 0 ? known_.back().header : out_.runs[index - 1].header;
        SurveyRequest request;
        request.root = found_.root;
        request.on_directory = [&](const std::string& path, std::string_view dumpdir) {
            for (const archive::Dumpdir::Entry& entry : archive::parse_dumpdir(dumpdir).entries) {
                std::string name = join_path(path, entry.name);
                if (never_stored_.size() < kNeverStoredMax && !catalog_->lookup(before.run, name))
                    never_stored_.insert(std::move(name));
            }
        };
        survey_volume(before.compression.method,
                      archive::open_volume_file(join_path(set_.backup_dir, before.archive_name)), request);
    }

    /// What makes the next run incremental, how to restore without us, and the old names.
    void finish() {
        write_readme(env_, set_, catalog_->runs());
        keep_snapshot();
        Inventory inventory = read_inventory(set_);
        // Else some archives were named, and one that was begun before was not among them.
        if (!inventory.is_unfinished(inventory.runs.rbegin()->second))
            env_.fs.remove(set_.backup_dir, std::string(kAdoptingName));
        if (!request_.rename) return;
        for (const AdoptedRun& run : out_.runs) {
            std::string path = join_path(request_.find.dir, run.name);
            if (run.name == run.header.archive_name) continue;  // the old name is not known any more
            if (!is_same_file(path, join_path(set_.backup_dir, run.header.archive_name))) continue;
            env_.fs.remove(request_.find.dir, run.name);
            out_.renamed.push_back(run.name);
        }
    }

    /// One that does not belong to the last run is replaced by one that knows no directory: the next run
    /// compares with the catalogue whatever it says.
    void keep_snapshot() {
        if (out_.snapshot == AdoptResult::Snapshot::missing) return;
        if (path_exists(join_path(set_.backup_dir, kSnarName))) return;
        if (out_.snapshot == AdoptResult::Snapshot::matches && found_.snapshot->format == 2) {
            const std::string& name = found_.snapshot->name;
            std::string path =
                name.find('/') == std::string::npos ? join_path(request_.find.dir, name) : name;
            write_file_durably(env_.fs, set_.backup_dir, std::string(kSnarName), read_file(path), false);
            return;
        }
        SnapshotFile snapshot(env_.fs, set_.backup_dir, out_.runs.back().header.started);
        snapshot.begin();
        snapshot.seal();
    }

    const Environment& env_;
    const SetOptions& set_;
    const AdoptRequest& request_;
    Observer& observer_;
    std::optional<SetLock> lock_;
    std::unique_ptr<catalog::Catalog> catalog_;
    std::vector<catalog::Run> known_;
    FoundArchives found_;
    std::set<std::string> never_stored_;
    AdoptResult out_;
};

}  // namespace

bool AdoptResult::is_complete() const {
    return overwritten.empty() &&
           std::none_of(runs.begin(), runs.end(),
                        [](const AdoptedRun& run) { return run.is_incomplete(); }) &&
           std::none_of(passed_over.begin(), passed_over.end(),
                        [](const PassedOver& file) { return file.lost; });
}

AdoptResult adopt(const Environment& env, const SetOptions& set, const AdoptRequest& request,
                  Observer& observer) {
    return Adoption(env, set, request, observer).run();
}

}  // namespace icecore::engine
