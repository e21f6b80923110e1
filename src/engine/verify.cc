#include "engine/verify.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/inventory.h"
#include "engine/manifest_summary.h"
#include "engine/parallel.h"
#include "engine/stream_layout.h"
#include "engine/verify_archive.h"
#include "engine/verify_log.h"
#include "engine/verify_volume.h"

namespace icecore::engine {
namespace {

using catalog::Run;
using catalog::RunNumber;

constexpr std::string_view kRebuildHint = "`icecore rebuild` makes it again from the manifests";

/// All that is known of a run.
struct KnownRun {
    RunFiles files;                           ///< as found in the backup directory
    std::optional<ManifestSummary> manifest;  ///< if it can be read
    std::optional<Run> catalogued;            ///< what the catalogue says
    /// Header and trailer, from wherever they are known; nullopt: nothing is.
    std::optional<Run> facts() const {
        if (manifest) return Run{manifest->header, manifest->trailer};
        return catalogued;
    }
    /// The manifest's file name, also when it is missing.
    std::string manifest_name() const {
        if (!files.manifest.empty()) return files.manifest;
        if (!files.stem.empty()) return files.stem + ".manifest.zst";
        const std::string& archive = catalogued->header.archive_name;
        return archive.substr(0, archive.rfind(".tar")) + ".manifest.zst";
    }
};

class Verification {
  public:
    Verification(const Environment& env, const SetOptions& set, const VerifyRequest& request,
                 Observer& observer, const std::function<void(const Finding&)>& on_finding)
        : env_(env), set_(set), request_(request), log_(observer, on_finding) {}

    VerifyResult run() {
        std::int64_t started_ns = env_.clock.monotonic_ns();
        inventory_ = read_inventory(set_);
        list_runs();
        read_catalogue();
        select();
        for (RunNumber number : selected_) check_run(number, runs_.at(number));
        if (!request_.choose) check_leftovers();
        check_volumes();
        if (request_.deep) check_archives();
        result_.runs = selected_.size();
        result_.problems = log_.problems();
        result_.remarks = log_.remarks();
        result_.seconds = static_cast<double>(env_.clock.monotonic_ns() - started_ns) / 1e9;
        return result_;
    }

  private:
    std::string in_backup(std::string_view name) const { return join_path(set_.backup_dir, name); }

    /// What has a manifest, and volumes that should have one.
    void list_runs() {
        for (const auto& [number, files] : inventory_.runs) {
            if (!inventory_.is_unfinished(files)) runs_[number].files = files;
        }
    }

    /// The catalogue as it is: what any other command would put right is to be told here.
    void read_catalogue() {
        const std::string name(kCatalogName);
        if (!inventory_.has_catalogue) {
            if (!runs_.empty()) log_.remark(0, name, "the file is missing", std::string(kRebuildHint));
            return;
        }
        try {
            for (Run& run : catalog::Catalog::open_read_only(in_backup(kCatalogName))->runs())
                runs_[run.number()].catalogued = std::move(run);
            catalogue_read_ = true;
        } catch (const Error& e) {
            if (e.kind() == Error::Kind::not_ready)
                log_.remark(0, name, e.message(), e.hint());
            else
                log_.problem(0, name, e.message(), std::string(kRebuildHint));
        }
    }

    void read_manifest(RunNumber number, KnownRun& known) {
        if (known.files.manifest.empty() || known.manifest) return;
        try {
            known.manifest = summarize_manifest(in_backup(known.files.manifest));
        } catch (const Error& e) {
            log_.problem(number, known.files.manifest, e.message(), e.hint());
        }
        log_.advance(0, 0);
    }

    void select() {
        if (runs_.empty())
            throw Error(Error::Kind::not_found,
                        format("{} holds no run of set \"{}\"", set_.backup_dir, set_.name),
                        "run `icecore backup` first");
        for (auto& [number, known] : runs_) {
            read_manifest(number, known);
            if (!request_.choose) selected_.push_back(number);
        }
        if (!request_.choose) return;
        std::vector<Run> choice;
        for (const auto& [number, known] : runs_)
            if (std::optional<Run> facts = known.facts()) choice.push_back(std::move(*facts));
        if (choice.empty())
            throw Error(Error::Kind::corrupt, "no manifest can be read, and the catalogue is of no help");
        // Up the chain; a gap is reported when the run after it is checked.
        for (RunNumber number = request_.choose(choice); number != 0 && runs_.contains(number);) {
            selected_.push_back(number);
            std::optional<Run> facts = runs_.at(number).facts();
            number = facts && facts->header.parent < number ? facts->header.parent : 0;
        }
        std::reverse(selected_.begin(), selected_.end());
    }

    void check_run(RunNumber number, const KnownRun& known) {
        if (known.files.manifest.empty())
            log_.problem(number, known.manifest_name(), "the manifest is missing");
        if (known.manifest) check_header(number, known);
        check_catalogued(number, known);
        std::optional<Run> facts = known.facts();
        if (!facts) return;
        if (facts->header.kind == archive::RunKind::incremental && !runs_.contains(facts->header.parent))
            log_.problem(number, facts->header.archive_name,
                         format("it is incremental on run {}, which is not there", facts->header.parent));
        if (known.files.log.empty()) log_.remark(number, facts->header.archive_name, "its log is missing");
        check_unknown_volumes(number, known, *facts);
        std::uint32_t volume = 0;
        for (const archive::VolumeInfo& info : facts->trailer.volumes) {
            VolumeToCheck check{number, facts->header.form(), info, std::nullopt, {}};
            if (known.manifest && volume < known.manifest->frames.size())
                check.frames = known.manifest->frames[volume];
            ++volume;
            log_.expect(info.stored_bytes + (request_.deep ? info.raw_bytes : 0));
            result_.stored_bytes += info.stored_bytes;
            volumes_.push_back(std::move(check));
        }
    }

    void check_header(RunNumber number, const KnownRun& known) {
        const archive::ManifestHeader& header = known.manifest->header;
        ArchiveNames names = make_archive_names(set_.name, number, known.files.kind, header.started,
                                                header.compression.method);
        if (header.run != number || header.kind != known.files.kind || header.set != set_.name ||
            names.manifest != known.files.manifest || names.archive != header.archive_name)
            log_.problem(number, known.files.manifest,
                         format("it is the manifest of another run: {}", header.archive_name));
    }

    void check_catalogued(RunNumber number, const KnownRun& known) {
        if (!catalogue_read_ || !known.manifest) return;
        const std::string name(kCatalogName);
        if (!known.catalogued) {
            log_.remark(number, name, format("it does not know run {}", number), std::string(kRebuildHint));
        } else if (known.catalogued->header != header_as_catalogued(known) ||
                   known.catalogued->trailer != known.manifest->trailer) {
            log_.problem(number, name, format("it differs from the manifest of run {}", number),
                         std::string(kRebuildHint));
        }
    }

    /// A manifest may leave out its parent's archive; the catalogue knows it all the same.
    static archive::ManifestHeader header_as_catalogued(const KnownRun& known) {
        archive::ManifestHeader header = known.manifest->header;
        if (header.parent_archive.empty()) header.parent_archive = known.catalogued->header.parent_archive;
        return header;
    }

    void check_unknown_volumes(RunNumber number, const KnownRun& known, const Run& facts) {
        std::set<std::string_view> expected;
        for (const archive::VolumeInfo& info : facts.trailer.volumes) expected.insert(info.name);
        for (const std::string& name : known.files.volumes)
            if (!expected.contains(name)) log_.remark(number, name, "no manifest knows this file");
    }

    void check_leftovers() {
        for (const std::string& name : inventory_.strays) log_.remark(0, name, "no manifest knows this file");
        for (const RunFiles& files : inventory_.superseded)
            log_.remark(0, files.manifest, "of an older history of the set: a newer run has its number");
        for (const auto& [number, files] : inventory_.runs)
            if (!runs_.contains(number) && files.volumes.empty() && files.stem != inventory_.running)
                log_.remark(number, files.log, "a log without a run");
        if (lock_holder(set_.backup_dir)) return;  // what is unfinished is at work
        for (const std::string& name : inventory_.partials) log_.remark(0, name, "an unfinished file");
        if (!inventory_.adopting.empty())
            log_.remark(
                0, std::string(kAdoptingName),
                format("the adoption of {} was interrupted; backups wait until `icecore adopt` is run "
                       "again",
                       escape_path(inventory_.adopting)));
        if (inventory_.running.empty()) return;
        log_.remark(0, std::string(kRunningName),
                    format("run {} was interrupted; the next backup closes its archive and carries on",
                           escape_path(inventory_.running)));
    }

    void check_volumes() {
        auto next = volumes_.begin();
        auto take = [&]() -> std::shared_ptr<VolumeToCheck> {
            if (next == volumes_.end()) return nullptr;
            return std::make_shared<VolumeToCheck>(*next++);
        };
        auto work = [&](VolumeToCheck& volume) {
            volume.problems = check_volume(set_.backup_dir, volume, log_);
        };
        auto finish = [&](VolumeToCheck& volume) {
            ++result_.volumes;
            for (std::string& problem : volume.problems)
                log_.problem(volume.run, volume.info.name, std::move(problem));
        };
        for_each_job<VolumeToCheck>(env_.threads, take, work, finish);
    }

    void check_archives() {
        for (RunNumber number : selected_) {
            const KnownRun& known = runs_.at(number);
            if (!known.manifest) continue;
            result_.members += check_archive(
                env_, set_.backup_dir, *known.facts(), in_backup(known.files.manifest),
                [this](const archive::Location& at) { return place_exists(at); }, log_);
        }
    }

    /// Whether the archive of an earlier run is that long.
    bool place_exists(const archive::Location& at) {
        auto found = layouts_.find(at.run);
        if (found == layouts_.end()) {
            std::optional<Run> facts;
            if (auto run = runs_.find(at.run); run != runs_.end()) facts = run->second.facts();
            found = layouts_
                        .emplace(at.run, StreamLayout(facts ? facts->trailer.volumes
                                                            : std::vector<archive::VolumeInfo>{}))
                        .first;
        }
        std::optional<std::uint64_t> begin = found->second.offset_of(at.volume, at.offset);
        return begin && at.length_bytes <= found->second.total_bytes() - *begin;
    }

    const Environment& env_;
    const SetOptions& set_;
    const VerifyRequest& request_;
    VerifyLog log_;
    Inventory inventory_;
    std::map<RunNumber, KnownRun> runs_;
    bool catalogue_read_ = false;
    std::vector<RunNumber> selected_;  ///< ascending
    std::vector<VolumeToCheck> volumes_;
    std::map<RunNumber, StreamLayout> layouts_;
    VerifyResult result_;
};

}  // namespace

VerifyResult verify(const Environment& env, const SetOptions& set, const VerifyRequest& request,
                    Observer& observer, const std::function<void(const Finding&)>& on_finding) {
    return Verification(env, set, request, observer, on_finding).run();
}

}  // namespace icecore::engine
