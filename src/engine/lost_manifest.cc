#include "engine/lost_manifest.h"

#include "archive/frame.h"
#include "archive/volume.h"
#include "archive/volume_bytes.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/adopted_volume.h"
#include "engine/archive_record.h"
#include "engine/backup_dir.h"
#include "engine/inventory.h"

namespace icecore::engine {
namespace {

using archive::Compression;

/// The method by the name of volume 0; its level is not known any more.
archive::Compression compression_of(const SetOptions& set, const std::string& stem) {
    using enum Compression::Method;
    for (auto [method, text] : {std::pair{zstd, "zstd"}, {gzip, "gzip"}, {none, "none"}})
        if (path_exists(join_path(set.backup_dir, stem + std::string(archive::archive_suffix(method)))))
            return archive::parse_compression(text);
    throw Error(Error::Kind::not_found, format("the archive {} is missing, too", stem));
}

archive::ManifestHeader header_of(const Environment& env, const SetOptions& set,
                                  const catalog::Catalog& catalog, const LostManifest& lost) {
    archive::ManifestHeader header;
    header.set = set.name;
    header.host = env.host;
    header.run = lost.run;
    header.kind = lost.kind;
    header.started = started_of(lost.stem);
    header.program = env.program_version;
    header.compression = compression_of(set, lost.stem);
    header.archive_name = lost.stem + std::string(archive::archive_suffix(header.compression.method));
    header.chain = lost.run;
    if (lost.kind == archive::RunKind::full) {
        header.reason = "the manifest was lost, and made again from the archive";
    } else {
        std::optional<catalog::Run> parent = catalog.last_run();
        CHECK(parent.has_value());
        header.parent = parent->number();
        header.parent_archive = parent->header.archive_name;
        header.chain = parent->header.chain;
    }
    return header;
}

/// The volumes as they are if the archive is ours.
std::vector<RecordedVolume> examine_volumes(const SetOptions& set, const archive::ManifestHeader& header) {
    std::vector<RecordedVolume> volumes;
    for (std::uint32_t number = 0;; ++number) {
        std::string name = archive::volume_name(header.archive_name, number);
        std::string path = join_path(set.backup_dir, name);
        if (!path_exists(path)) return volumes;
        volumes.push_back(
            {archive::examine_volume(set.backup_dir, header.archive_name, header.compression.method, number),
             archive::read_seek_table(header.compression.method, *archive::open_volume_file(path))});
    }
}

/// Whether an archive is somebody else's: it has no seek table or, not compressed, GNU tar's padding.
bool is_adopted(const SetOptions& set, const archive::ManifestHeader& header) {
    std::string path = join_path(set.backup_dir, header.archive_name);
    if (path_exists(join_path(set.backup_dir, archive::volume_name(header.archive_name, 1)))) return false;
    std::shared_ptr<const archive::VolumeBytes> bytes = archive::open_volume_file(path);
    if (header.compression.method == Compression::Method::none) {
        ArchiveSurvey survey = survey_volume(header.compression.method, bytes, {});
        return survey.complete && survey.raw_bytes < bytes->size_bytes();
    }
    try {
        archive::read_seek_table(header.compression.method, *bytes);
        return false;
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
    }
    // Without it, one of ours is damaged; somebody else's reads well.
    ArchiveSurvey survey = survey_volume(header.compression.method, bytes, {});
    return survey.complete && survey.damage.empty();
}

/// What the archives that were adopted with it call the data directory: its own names may fit several.
std::optional<std::string> adopted_root(const SetOptions& set, const catalog::Catalog& catalog) {
    for (const catalog::Run& run : catalog.runs())
        if (run.header.adopted) return run.header.adopted->root;
    for (const auto& [number, files] : read_inventory(set).runs) {
        if (files.manifest.empty()) continue;
        try {
            archive::ManifestReader reader(join_path(set.backup_dir, files.manifest));
            std::optional<archive::ManifestLine> line = reader.next();
            auto* header = line ? std::get_if<archive::ManifestHeader>(&*line) : nullptr;
            if (header != nullptr && header->adopted) return header->adopted->root;
        } catch (const Error&) {
            continue;  // it is reported when its turn comes
        }
    }
    return std::nullopt;
}

}  // namespace

std::uint64_t recover_manifest(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
                               const LostManifest& lost) {
    try {
        archive::ManifestHeader header = header_of(env, set, catalog, lost);
        if (!is_adopted(set, header))
            return record_archive(env, set, catalog, header, examine_volumes(set, header), {}).entries;
        if (std::optional<std::string> root = adopted_root(set, catalog))
            header.adopted = archive::AdoptedArchive{header.archive_name, *root, ""};
        AdoptedVolume volume =
            examine_adopted_volume(join_path(set.backup_dir, header.archive_name), header, std::nullopt);
        if (!header.adopted)
            header.adopted = archive::AdoptedArchive{header.archive_name, volume.survey.root, ""};
        header.adopted->damage = volume.survey.damage;
        return record_archive(env, set, catalog, header, {volume.recorded}, {}).entries;
    } catch (Error& e) {
        e.add_context(format("making the manifest of run {} again", lost.run));
        throw;
    }
}

}  // namespace icecore::engine
