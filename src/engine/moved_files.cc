#include "engine/moved_files.h"

#include "base/text.h"
#include "engine/content.h"
#include "engine/tree_planner.h"

namespace icecore::engine {
namespace {

/// Also where another file of the same size and time had the name (Action::check).
bool may_have_moved_here(const PlannedFile& file) {
    return file.action != Action::link_group && file.stat.type == FileType::regular && file.stat.nlink == 1 &&
           (!file.old || file.old->stat.ino != file.stat.ino);
}

/// Whether the file at `path` is, all but its name and ctime, the recorded one.
bool is_same_file(int root_fd, const std::string& path, const FileStat& scanned, const OldVersion& old) {
    if (old.stat.mode != scanned.mode || old.stat.uid != scanned.uid || old.stat.gid != scanned.gid)
        return false;
    std::optional<ContentFacts> facts = read_content_facts(root_fd, path);
    return facts && same_state(facts->stat, scanned) && facts->sha256 == old.sha256 &&
           facts->sparse == old.sparse && facts->metadata == old.metadata;
}

}  // namespace

void MovedFiles::add_origin(const VanishedName& name, std::uint64_t where) {
    const FileStat& stat = name.old.stat;
    if (stat.type != FileType::regular || stat.nlink != 1 || origins_.size() >= kRenameCandidatesMax ||
        name.old_path.size() > kDirectPathBytesMax)
        return;
    origins_.emplace(stat.ino, Origin{stat.size, stat.mtime, name.old.coarse, where});
}

void MovedFiles::find(int root_fd, Plan& plan, std::vector<Move>& moves) const {
    if (origins_.empty()) return;
    Spool::Reader directories(plan.directories);
    Spool::Reader files(plan.files);
    std::string_view record;
    while (directories.next(record)) {
        PlannedDirectory directory = decode_directory(record);
        for (std::uint64_t i = 0; i < directory.file_count; ++i) {
            if (!files.next(record)) return;
            PlannedFile file = decode_file(record);
            if (!may_have_moved_here(file) || directory.deep_unit != 0 || moves.size() >= kRenamesMax)
                continue;
            auto [begin, end] = origins_.equal_range(file.stat.ino);
            for (auto it = begin; it != end; ++it) {
                const Origin& origin = it->second;
                Timestamp mtime = comparable_mtime(origin.mtime, origin.coarse, file.stat.mtime);
                if (origin.size_bytes != file.stat.size || mtime != file.stat.mtime ||
                    plan.found_again.contains(origin.where))
                    continue;
                VanishedName name = decode_vanished(plan.vanished.read_at(origin.where));
                std::string path = join_path(directory.path, file.name);
                if (!is_same_file(root_fd, path, file.stat, name.old) ||
                    !plan.work->claim_location(name.old.location))
                    continue;
                plan.found_again.emplace(origin.where, true);
                plan.moved_files.emplace(file.sequence, origin.where);
                moves.push_back({name.old_path, std::move(path), false, {}});
                break;
            }
        }
    }
}

}  // namespace icecore::engine
