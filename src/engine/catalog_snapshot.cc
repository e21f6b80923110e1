#include "engine/catalog_snapshot.h"

#include <algorithm>
#include <cstdio>

#include "archive/compressed_file.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/inventory.h"

namespace icecore::engine {
namespace {

using catalog::OutboxItem;

constexpr std::string_view kSuffix = ".catalog.zst";
/// Fewer manifests are applied in no time.
constexpr unsigned kManifestsMin = 8;
/// A catalogue shrinks by about that when it is compressed.
constexpr std::uint64_t kCompression = 8;
constexpr std::uint64_t kCatalogueBytesMax = std::uint64_t{1} << 40;

void remove_database(const std::string& path) {
    for (const std::string& file : database_files(path)) std::remove(file.c_str());
}

bool is_sound(const SetOptions& set, const std::string& path) {
    std::unique_ptr<catalog::Catalog> catalog = catalog::Catalog::open(path);
    catalog->check_all();
    Inventory inventory = read_inventory(set);
    std::vector<catalog::Run> runs = catalog->runs();
    return !runs.empty() && std::all_of(runs.begin(), runs.end(), [&](const catalog::Run& run) {
        std::optional<ParsedName> name = parse_archive_name(set.name, run.header.archive_name);
        if (!name || run.header.set != set.name) return false;
        auto here = inventory.runs.find(run.number());
        return here == inventory.runs.end() || here->second.stem == name->stem;
    });
}

}  // namespace

std::optional<SnapshotName> parse_snapshot_name(std::string_view set, std::string_view file_name) {
    if (!file_name.ends_with(kSuffix)) return std::nullopt;
    file_name.remove_suffix(kSuffix.size());
    std::optional<ParsedName> parsed = parse_archive_name(set, std::string(file_name) + ".log");
    if (!parsed) return std::nullopt;
    return SnapshotName{std::move(parsed->stem), parsed->run};
}

bool snapshot_is_due(const std::vector<OutboxItem>& items, std::uint64_t catalogue_bytes) {
    catalog::RunNumber last_run = 0;
    std::uint64_t last_bytes = 0;
    for (const OutboxItem& item : items) {
        if (item.part != OutboxItem::Part::snapshot || item.run < last_run) continue;
        last_run = item.run;
        last_bytes = item.size_bytes;
    }
    unsigned manifests = 0;
    std::uint64_t bytes = 0;
    for (const OutboxItem& item : items) {
        if (item.part != OutboxItem::Part::manifest || item.state != OutboxItem::State::stored) continue;
        if (item.run <= last_run) continue;
        ++manifests;
        bytes += item.size_bytes;
    }
    return manifests >= kManifestsMin && bytes >= std::max(last_bytes, catalogue_bytes / kCompression);
}

std::optional<std::string> make_snapshot(const Environment& env, const SetOptions& set) {
    auto catalog = catalog::Catalog::open_read_only(join_path(set.backup_dir, kCatalogName));
    std::string copy = join_path(set.backup_dir, partial_name(std::string(kCatalogName) + ".copy"));
    remove_database(copy);
    try {
        catalog->copy_to(copy);
        // The copy tells of which run it is: another run may have ended meanwhile.
        std::optional<catalog::Run> last = catalog::Catalog::open_read_only(copy)->last_run();
        std::optional<ParsedName> name;
        if (last) name = parse_archive_name(set.name, last->header.archive_name);
        std::string file = name ? name->stem + std::string(kSuffix) : "";
        if (name && !path_exists(join_path(set.backup_dir, file)))
            archive::compress_file(env.fs, copy, set.backup_dir, file);
        remove_database(copy);
        if (!name) return std::nullopt;
        return file;
    } catch (...) {
        remove_database(copy);
        throw;
    }
}

bool open_snapshot(const SetOptions& set, const std::string& file, const std::string& path) {
    remove_database(path);
    try {
        archive::expand_file(file, path, kCatalogueBytesMax);
        if (is_sound(set, path)) return true;
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt && e.kind() != Error::Kind::unsupported &&
            e.kind() != Error::Kind::invalid) {
            remove_database(path);
            throw;
        }
    }
    remove_database(path);
    return false;
}

}  // namespace icecore::engine
