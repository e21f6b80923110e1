#include "engine/rebuild.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

struct ManifestFile {
    archive::RunKind kind;
    std::string name;
};

std::map<catalog::RunNumber, ManifestFile> list_manifests(const SetOptions& set) {
    std::map<catalog::RunNumber, ManifestFile> manifests;
    for (const std::string& name : list_directory(set.backup_dir)) {
        std::optional<ParsedName> parsed = parse_archive_name(set.name, name);
        if (parsed && parsed->part == ParsedName::Part::manifest)
            manifests[parsed->run] = {parsed->kind, name};
    }
    return manifests;
}

std::unique_ptr<catalog::Catalog> open_or_replace(const std::string& path, Observer& observer) {
    try {
        return catalog::Catalog::open(path);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        observer.warning(format("{}; it is made again from the manifests", e.message()));
        put_aside(path);
        return catalog::Catalog::open(path);
    }
}

}  // namespace

void apply_manifest(catalog::Catalog& catalog, const std::string& path) {
    archive::ManifestReader reader(path);
    std::unique_ptr<catalog::RunWriter> writer;
    while (std::optional<archive::ManifestLine> line = reader.next()) {
        if (auto* header = std::get_if<archive::ManifestHeader>(&*line)) {
            if (writer != nullptr) throw Error(Error::Kind::corrupt, path + ": a second header");
            writer = catalog.begin_run(*header);
            continue;
        }
        if (writer == nullptr) throw Error(Error::Kind::corrupt, path + ": no header");
        if (auto* rename = std::get_if<archive::ManifestRename>(&*line))
            writer->rename(*rename);
        else if (auto* deletion = std::get_if<archive::ManifestDelete>(&*line))
            writer->remove(*deletion);
        else if (auto* entry = std::get_if<archive::ManifestEntry>(&*line))
            writer->put(*entry);
        else if (auto* trailer = std::get_if<archive::ManifestTrailer>(&*line))
            writer->commit(*trailer);
    }
}

std::unique_ptr<catalog::Catalog> open_catalog_for_writing(const Environment&, const SetOptions& set,
                                                           Observer& observer) {
    std::string path = join_path(set.backup_dir, kCatalogName);
    bool fresh = !path_exists(path);
    std::unique_ptr<catalog::Catalog> catalog = open_or_replace(path, observer);
    std::optional<catalog::Run> last = catalog->last_run();
    catalog::RunNumber known = last ? last->number() : 0;

    std::map<catalog::RunNumber, ManifestFile> manifests = list_manifests(set);
    if (fresh && !manifests.empty())
        observer.warning(format("{} is missing; it is made again from {} manifests", path, manifests.size()));
    bool chain_broken = false;
    for (auto it = manifests.upper_bound(known); it != manifests.end(); ++it) {
        const auto& [number, file] = *it;
        if (file.kind == archive::RunKind::full) chain_broken = false;
        if (chain_broken || (file.kind == archive::RunKind::incremental && number != known + 1)) {
            observer.warning(format("run {} is left out: its chain has a gap before it", number));
            chain_broken = true;
            continue;
        }
        try {
            apply_manifest(*catalog, join_path(set.backup_dir, file.name));
            known = number;
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt) throw;
            observer.warning(format("run {} is left out: {}", number, e.message()));
            chain_broken = true;
        }
        observer.progress({Progress::Phase::rebuilding, number, 0, manifests.rbegin()->first, 0, 0});
    }
    return catalog;
}

std::unique_ptr<catalog::Catalog> open_catalog(const Environment& env, const SetOptions& set,
                                               Observer& observer) {
    std::string path = join_path(set.backup_dir, kCatalogName);
    std::map<catalog::RunNumber, ManifestFile> manifests = list_manifests(set);
    std::unique_ptr<catalog::Catalog> catalog;
    if (path_exists(path)) {
        try {
            catalog = catalog::Catalog::open_read_only(path);
            std::optional<catalog::Run> last = catalog->last_run();
            if (last && (manifests.empty() || manifests.rbegin()->first <= last->number())) return catalog;
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt && e.kind() != Error::Kind::unsupported) throw;
            if (e.kind() == Error::Kind::unsupported) throw;
        }
        catalog.reset();
    }
    if (manifests.empty())
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
