#include "engine/rebuild.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/backup_dir.h"
#include "engine/catalog_snapshot.h"
#include "engine/inventory.h"
#include "engine/lost_manifest.h"

namespace icecore::engine {
namespace {

std::unique_ptr<catalog::Catalog> open_or_replace(const std::string& path, Observer& observer) {
    try {
        return catalog::Catalog::open(path);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        observer.warning(format("{}; it is made again from the manifests", e.message()));
        put_aside(path, kDamagedSuffix);
        return catalog::Catalog::open(path);
    }
}

}  // namespace

std::uint64_t apply_manifest(catalog::Catalog& catalog, const std::string& path) {
    archive::ManifestReader reader(path);
    std::unique_ptr<catalog::RunWriter> writer;
    std::uint64_t entries = 0;
    while (std::optional<archive::ManifestLine> line = reader.next()) {
        if (auto* header = std::get_if<archive::ManifestHeader>(&*line)) {
            if (writer != nullptr) throw Error(Error::Kind::corrupt, path + ": a second header");
            writer = catalog.begin_run(*header);
            continue;
        }
        if (writer == nullptr) throw Error(Error::Kind::corrupt, path + ": no header");
        if (auto* rename = std::get_if<archive::ManifestRename>(&*line)) {
            writer->rename(*rename);
        } else if (auto* deletion = std::get_if<archive::ManifestDelete>(&*line)) {
            writer->remove(*deletion);
        } else if (auto* entry = std::get_if<archive::ManifestEntry>(&*line)) {
            writer->put(*entry);
            ++entries;
        } else if (auto* trailer = std::get_if<archive::ManifestTrailer>(&*line)) {
            writer->commit(*trailer);
        }
    }
    return entries;
}

namespace {

/// What apply_runs did.
struct Applied {
    std::uint64_t runs = 0;
    std::uint64_t versions = 0;
    std::vector<RebuiltRun> left_out;
    std::vector<RebuiltRun> recovered;
};

/// Makes a lost or damaged manifest again from the archive. The damaged one is put aside, or back if that
/// fails.
std::uint64_t recover(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
                      catalog::RunNumber number, const RunFiles& files) {
    std::string aside = files.manifest + std::string(kDamagedSuffix);
    if (!files.manifest.empty()) env.fs.rename(set.backup_dir, files.manifest, aside);
    try {
        return recover_manifest(env, set, catalog, {number, files.kind, files.stem});
    } catch (const Error&) {
        if (!files.manifest.empty()) env.fs.rename(set.backup_dir, aside, files.manifest);
        throw;
    }
}

/// Applies a run's manifest. Returns what is wrong with it, or nothing.
std::string try_manifest(catalog::Catalog& catalog, const SetOptions& set, const RunFiles& files,
                         Applied& out) {
    try {
        out.versions += apply_manifest(catalog, join_path(set.backup_dir, files.manifest));
        return {};
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        return e.message();
    }
}

/// Whether a run of a higher number began before run `known`.
bool is_older(const RunFiles& files, const catalog::Catalog& catalog, catalog::RunNumber known) {
    std::optional<catalog::Run> before = catalog.run(known);
    return before && started_of(files.stem).sec < before->header.started.sec;
}

/// Brings the runs above `known` into the catalogue, as far as their manifests allow. `recover_with`: the
/// means to make manifests again, which reads whole archives; nullptr: do not.
Applied apply_runs(const Environment* recover_with, catalog::Catalog& catalog, const SetOptions& set,
                   const Inventory& inventory, catalog::RunNumber known, Observer& observer) {
    Applied out;
    const catalog::RunNumber highest = inventory.runs.empty() ? 0 : inventory.runs.rbegin()->first;
    bool chain_broken = false;
    for (auto it = inventory.runs.upper_bound(known); it != inventory.runs.end(); ++it) {
        const auto& [number, files] = *it;
        auto leave_out = [&](std::string reason) {
            out.left_out.push_back({number, std::move(reason)});
            chain_broken = true;
        };
        if (files.kind == archive::RunKind::full) chain_broken = false;
        if (inventory.is_unfinished(files)) continue;
        if (!inventory.superseded.empty() && known != 0 && is_older(files, catalog, known)) {
            leave_out(format("it is of an older history of the set: it began before run {}", known));
            continue;
        }
        if (chain_broken || (files.kind == archive::RunKind::incremental && number != known + 1)) {
            leave_out("its chain has a gap before it");
            continue;
        }
        try {
            std::string lost = "its manifest is missing";
            if (!files.manifest.empty()) lost = try_manifest(catalog, set, files, out);
            if (!lost.empty()) {
                if (recover_with == nullptr) throw Error(Error::Kind::corrupt, lost);
                out.versions += recover(*recover_with, set, catalog, number, files);
                out.recovered.push_back({number, lost});
            }
            ++out.runs;
            known = number;
        } catch (const Error& e) {
            bool lost =
                e.kind() == Error::Kind::corrupt || e.kind() == Error::Kind::not_found ||
                (recover_with != nullptr && e.kind() == Error::Kind::unsupported && files.manifest.empty());
            if (!lost) throw;
            leave_out(e.message());
        }
        observer.progress({Progress::Phase::rebuilding, number, 0, highest, 0, 0});
    }
    return out;
}

bool has_manifest(const Inventory& inventory) {
    return std::any_of(inventory.runs.begin(), inventory.runs.end(),
                       [](const auto& run) { return !run.second.manifest.empty(); });
}

/// The new catalogue gets its name. The old one goes first: its write-ahead log must never meet the new file.
/// If the machine stops in between, the next command makes the catalogue again.
void replace_catalogue(const std::string& fresh, const std::string& path) {
    Fd file = open_file(fresh, O_RDONLY);
    if (fsync(file.get()) != 0) throw_errno("syncing " + fresh);
    for (const std::string& old : database_files(path)) std::remove(old.c_str());
    if (std::rename(fresh.c_str(), path.c_str()) != 0) throw_errno("renaming " + fresh);
    Fd dir = open_file(std::string(parent_path(path)), O_RDONLY | O_DIRECTORY);
    if (fsync(dir.get()) != 0) throw_errno("syncing " + std::string(parent_path(path)));
}

/// A catalogue in the making, removed unless it was put in place.
class FreshCatalogue {
  public:
    explicit FreshCatalogue(const std::string& dir) : path_(join_path(dir, partial_name(kCatalogName))) {
        remove();
    }
    ~FreshCatalogue() { remove(); }
    FreshCatalogue(const FreshCatalogue&) = delete;
    FreshCatalogue& operator=(const FreshCatalogue&) = delete;
    const std::string& path() const { return path_; }

  private:
    void remove() const {
        for (const std::string& file : database_files(path_)) std::remove(file.c_str());
    }
    std::string path_;
};

}  // namespace

RebuildResult rebuild(const Environment& env, const SetOptions& set, Observer& observer,
                      const std::string& snapshot) {
    std::int64_t started_ns = env.clock.monotonic_ns();
    SetLock lock(env, set.backup_dir);
    Inventory inventory = read_inventory(set);
    if (inventory.runs.empty())
        throw Error(Error::Kind::not_found,
                    format("{} holds no run of set \"{}\"", set.backup_dir, set.name));
    std::string path = join_path(set.backup_dir, kCatalogName);
    FreshCatalogue fresh(set.backup_dir);
    RebuildResult result;
    result.from_snapshot = !snapshot.empty() && open_snapshot(set, snapshot, fresh.path());
    Applied applied;
    {
        std::unique_ptr<catalog::Catalog> catalog = catalog::Catalog::open(fresh.path());
        std::optional<catalog::Run> last = catalog->last_run();
        applied = apply_runs(&env, *catalog, set, inventory, last ? last->number() : 0, observer);
        result.runs = catalog->runs().size();
    }
    result.versions = applied.versions;
    result.left_out = std::move(applied.left_out);
    result.recovered = std::move(applied.recovered);
    for (const RunFiles& files : inventory.superseded) result.superseded.push_back(files.stem);
    if (!result.left_out.empty() && inventory.has_catalogue)
        result.old_catalogue = put_aside(path, kReplacedSuffix);
    replace_catalogue(fresh.path(), path);
    result.seconds = static_cast<double>(env.clock.monotonic_ns() - started_ns) / 1e9;
    return result;
}

std::unique_ptr<catalog::Catalog> open_catalog_for_writing(const Environment&, const SetOptions& set,
                                                           Observer& observer) {
    std::string path = join_path(set.backup_dir, kCatalogName);
    Inventory inventory = read_inventory(set);
    if (!inventory.has_catalogue && has_manifest(inventory)) {
        auto manifests = std::count_if(inventory.runs.begin(), inventory.runs.end(),
                                       [](const auto& run) { return !run.second.manifest.empty(); });
        observer.warning(format("{} is missing; it is made again from {} manifests", path, manifests));
    }
    std::unique_ptr<catalog::Catalog> catalog = open_or_replace(path, observer);
    std::optional<catalog::Run> last = catalog->last_run();
    Applied applied = apply_runs(nullptr, *catalog, set, inventory, last ? last->number() : 0, observer);
    for (const RebuiltRun& left_out : applied.left_out)
        observer.warning(format("run {} is left out: {}", left_out.run, left_out.reason));
    return catalog;
}

std::unique_ptr<catalog::Catalog> open_catalog(const Environment& env, const SetOptions& set,
                                               Observer& observer) {
    std::string path = join_path(set.backup_dir, kCatalogName);
    Inventory inventory = read_inventory(set);
    if (inventory.has_catalogue) {
        catalog::RunNumber highest = 0;
        for (const auto& [number, files] : inventory.runs)
            if (!files.manifest.empty()) highest = number;
        try {
            std::unique_ptr<catalog::Catalog> catalog = catalog::Catalog::open_read_only(path);
            std::optional<catalog::Run> last = catalog->last_run();
            if (last && highest <= last->number()) return catalog;
        } catch (const Error& e) {
            // Damaged, or of an older schema.
            if (e.kind() != Error::Kind::corrupt && e.kind() != Error::Kind::not_ready) throw;
        }
    }
    if (!has_manifest(inventory))
        throw Error(Error::Kind::not_found,
                    format("{} holds no run of set \"{}\" yet", set.backup_dir, set.name),
                    "run `icecore backup` first");
    {
        SetLock lock(env, set.backup_dir);
        open_catalog_for_writing(env, set, observer);
    }
    return catalog::Catalog::open_read_only(path);
}

}  // namespace icecore::engine
