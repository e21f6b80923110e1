#include "engine/tree_match.h"

#include <fcntl.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/tree_planner.h"

namespace icecore::engine {
namespace {

/// A scan that keeps starting again is worse than a few directories stored twice.
constexpr std::size_t kRestartsMax = 8;

std::size_t index(catalog::NodeId node) {
    return static_cast<std::size_t>(node);
}

}  // namespace

TreeMatch::TreeMatch(const catalog::Catalog* catalog, catalog::RunNumber parent, int root_fd,
                     bool record_moves)
    : catalog_(parent == 0 ? nullptr : catalog),
      parent_(parent),
      root_fd_(root_fd),
      record_moves_(record_moves) {
    if (catalog_ != nullptr) claimed_.assign(index(catalog_->node_limit()), false);
    claimed_by_path_ = claimed_;
}

void TreeMatch::restart() {
    ++restarts_;
    claimed_.assign(claimed_.size(), false);
    claimed_by_path_.assign(claimed_by_path_.size(), false);
    moves_.clear();
}

bool TreeMatch::forget_lost() {
    bool any = false;
    for (auto& [node, holds] : elsewhere_) {
        if (!holds || claimed(node)) continue;
        holds = false;
        any = true;
    }
    return any;
}

bool TreeMatch::lives_elsewhere(catalog::NodeId node) const {
    auto it = elsewhere_.find(node);
    return it != elsewhere_.end() && it->second;
}

bool TreeMatch::claimed(catalog::NodeId node) const {
    return claimed_[index(node)];
}

DirectoryMatch TreeMatch::claim(const catalog::Entry& old, std::string old_path, bool by_path, bool moved) {
    claimed_[index(old.node)] = true;
    claimed_by_path_[index(old.node)] = by_path;
    return {old.node, std::move(old_path), moved, old};
}

DirectoryMatch TreeMatch::match_root() {
    if (catalog_ == nullptr) return {};
    std::optional<catalog::Entry> old = catalog_->lookup(parent_, "");
    CHECK(old.has_value());
    return claim(*old, "", false, false);
}

bool TreeMatch::still_there(const std::string& old_path, const FileStat& stat) const {
    Fd dir = open_beneath(root_fd_, parent_path(old_path), O_PATH | O_DIRECTORY);
    FileStat now;
    return dir && stat_at(dir.get(), std::string(base_name(old_path)).c_str(), now) && now.ino == stat.ino &&
           now.type == FileType::directory;
}

DirectoryMatch TreeMatch::match(const std::string& path, const FileStat& stat, const DirectoryMatch& parent,
                                const catalog::Entry* old) {
    if (catalog_ == nullptr) return {};
    bool same_place = old != nullptr && old->stat.type == FileType::directory && !claimed_[index(old->node)];
    if (same_place && old->stat.ino == stat.ino)
        return claim(*old, join_path(parent.old_path, old->name), false, false);

    bool may_move = path.size() <= kDirectPathBytesMax && moves_.size() < kRenamesMax;
    if (may_move) {
        if (auto found = catalog_->directory_by_inode(parent_, stat.ino);
            found && !found->path.empty() && found->path.size() <= kDirectPathBytesMax &&
            !still_there(found->path, stat)) {
            if (!claimed_[index(found->node)]) {
                std::optional<catalog::Entry> entry = catalog_->lookup(parent_, found->path);
                CHECK(entry.has_value());
                if (record_moves_) moves_.push_back({found->path, path, true, {}});
                return claim(*entry, found->path, false, true);
            }
            if (claimed_by_path_[index(found->node)] && restarts_ < kRestartsMax &&
                elsewhere_.emplace(found->node, true).second)
                throw Again{};
        }
    }
    if (same_place && !lives_elsewhere(old->node))
        return claim(*old, join_path(parent.old_path, old->name), true, false);
    return {};
}

std::optional<std::string> TreeMatch::obstacle_of(
    const Move& move, const std::unordered_set<std::string>& leaving,
    const std::vector<std::pair<std::string, std::string>>& moved_dirs) const {
    // Where the nearest moved directory above `to` was in the old tree; its content is there still.
    std::string old_dir;
    std::string_view rest = move.to;
    std::size_t best = 0;
    for (std::string_view up = parent_path(move.to); !up.empty() && best == 0; up = parent_path(up)) {
        auto it = std::lower_bound(moved_dirs.begin(), moved_dirs.end(), up,
                                   [](const auto& a, std::string_view b) { return a.first < b; });
        if (it == moved_dirs.end() || it->first != up) continue;
        old_dir = it->second;
        best = up.size();
        rest = rest.substr(best + 1);
    }
    while (true) {
        std::size_t slash = rest.find('/');
        std::string old_path = join_path(old_dir, rest.substr(0, slash));
        if (leaving.contains(old_path)) return std::nullopt;
        std::optional<catalog::Entry> old = catalog_->lookup(parent_, old_path);
        if (!old) return std::nullopt;
        bool directory = old->stat.type == FileType::directory;
        if (slash == std::string_view::npos) {
            if (!directory && !move.directory) return std::nullopt;  // rename(2) replaces it
            return old_path;
        }
        if (!directory) return old_path;
        old_dir = std::move(old_path);
        rest = rest.substr(slash + 1);
    }
}

void TreeMatch::find_obstacles(std::vector<Move>& moves, const std::vector<std::string>& put_aside) const {
    std::unordered_set<std::string> leaving(put_aside.begin(), put_aside.end());
    std::vector<std::pair<std::string, std::string>> moved_dirs;  // new path → old path, sorted
    for (const Move& move : moves) {
        leaving.insert(move.from);
        if (move.directory) moved_dirs.emplace_back(move.to, move.from);
    }
    std::sort(moved_dirs.begin(), moved_dirs.end());
    for (Move& move : moves)
        if (auto obstacle = obstacle_of(move, leaving, moved_dirs))
            move.obstacles.push_back(std::move(*obstacle));
}

}  // namespace icecore::engine
