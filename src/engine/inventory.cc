#include "engine/inventory.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "engine/run_marker.h"
#include "snapshot/ledger.h"

namespace icecore::engine {
namespace {

using Stems = std::map<std::string, RunFiles>;

void add_file(RunFiles& files, const ParsedName& parsed, const std::string& name) {
    files.kind = parsed.kind;
    files.stem = parsed.stem;
    switch (parsed.part) {
        case ParsedName::Part::manifest:
            files.manifest = name;
            break;
        case ParsedName::Part::log:
            files.log = name;
            break;
        case ParsedName::Part::volume:
            files.volumes.push_back(name);
            break;
    }
}

/// The stem that is the run; the others go to `out`.
RunFiles choose(Stems& stems, Inventory& out) {
    auto by_time = [](const auto& a, const auto& b) {
        return std::pair(!a.second.manifest.empty(), started_of(a.first)) <
               std::pair(!b.second.manifest.empty(), started_of(b.first));
    };
    auto chosen = std::max_element(stems.begin(), stems.end(), by_time);
    for (auto it = stems.begin(); it != stems.end(); ++it) {
        RunFiles& files = it->second;
        std::sort(files.volumes.begin(), files.volumes.end());
        if (it == chosen) continue;
        if (!files.manifest.empty()) {
            out.superseded.push_back(std::move(files));
            continue;
        }
        out.strays.insert(out.strays.end(), files.volumes.begin(), files.volumes.end());
        if (!files.log.empty()) out.strays.push_back(files.log);
    }
    return std::move(chosen->second);
}

/// A file of ours that is not finished.
bool is_partial(const SetOptions& set, std::string_view name) {
    constexpr std::string_view kSuffix = ".partial";
    if (!name.starts_with('.') || !name.ends_with(kSuffix) || name.size() <= kSuffix.size()) return false;
    std::string_view inner = name.substr(1, name.size() - 1 - kSuffix.size());
    return inner == kSnarName || inner == kReadmeName || inner == kAdoptingName ||
           inner == snapshot::kLedgerName || inner.starts_with(kCatalogName) ||
           parse_archive_name(set.name, inner);
}

bool is_old_catalogue(std::string_view name) {
    if (!name.starts_with(kCatalogName)) return false;
    name.remove_prefix(kCatalogName.size());
    return name.starts_with(kDamagedSuffix) || name.starts_with(kReplacedSuffix);
}

}  // namespace

bool Inventory::is_unfinished(const RunFiles& files) const {
    if (!files.manifest.empty()) return false;
    bool being_adopted = !adopting.empty() && files.stem == runs.rbegin()->second.stem;
    return files.stem == running || being_adopted || files.volumes.empty();
}

std::string adopting_in(const std::string& backup_dir) {
    std::string path = join_path(backup_dir, kAdoptingName);
    if (!path_exists(path)) return {};
    return std::string(trimmed(read_file(path)));
}

Inventory read_inventory(const SetOptions& set) {
    Inventory out;
    std::map<catalog::RunNumber, Stems> found;
    for (const std::string& name : list_directory(set.backup_dir)) {
        if (std::optional<ParsedName> parsed = parse_archive_name(set.name, name))
            add_file(found[parsed->run][parsed->stem], *parsed, name);
        else if (is_partial(set, name))
            out.partials.push_back(name);
        else if (is_old_catalogue(name))
            out.old_catalogues.push_back(name);
        else if (name == kAdoptingName)
            out.adopting = adopting_in(set.backup_dir);
        else if (name == kRunningName)
            out.running = read_marker(set.backup_dir).value_or(RunMarker{}).stem;
        out.has_snapshot = out.has_snapshot || name == kSnarName;
        out.has_catalogue = out.has_catalogue || name == kCatalogName;
    }
    for (auto& [number, stems] : found) out.runs[number] = choose(stems, out);
    for (auto* names : {&out.strays, &out.partials, &out.old_catalogues})
        std::sort(names->begin(), names->end());
    return out;
}

}  // namespace icecore::engine
