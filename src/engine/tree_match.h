#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "catalog/catalog.h"
#include "engine/rename_plan.h"

namespace icecore::engine {

/// What a directory of the new tree was in the old one.
struct DirectoryMatch {
    catalog::NodeId node = 0;  ///< 0: it is new
    std::string old_path;
    bool moved = false;  ///< renamed by itself (not merely carried along by its parent)
    std::optional<catalog::Entry> old;

    std::string old_metadata() const { return old ? old->metadata : std::string(); }
};

/// Pairs the directories of the new tree with those of the old: by inode number, which survives renames, else
/// by path (a restored or copied disk has new inodes). Each old directory is used once. A wrong guess costs
/// bytes, never correctness: what is in a directory is compared by itself.
class TreeMatch {
  public:
    TreeMatch(const catalog::Catalog* catalog, catalog::RunNumber parent, int root_fd, bool record_moves);

    /// Thrown when a directory that was paired by path turns up elsewhere by inode: the scan starts again,
    /// knowing it.
    struct Again {};

    DirectoryMatch match_root();
    /// `old`: the entry of that name in the old version of the parent directory, if any. `path` is the new
    /// path.
    DirectoryMatch match(const std::string& path, const FileStat& stat, const DirectoryMatch& parent,
                         const catalog::Entry* old);
    bool claimed(catalog::NodeId node) const;
    /// Forgets all pairs, but not what Again taught.
    void restart();
    /// After a scan: whether a directory that was to turn up elsewhere has not, as it has vanished since.
    /// From now on it is paired by path; the scan must start again.
    bool forget_lost();

    /// Directories that moved by themselves, in order of discovery.
    const std::vector<Move>& moves() const { return moves_; }
    std::size_t restarts() const { return restarts_; }

    /// Fills in the obstacles of `moves` (all of the run's, files too). `put_aside` is out of the way
    /// already.
    void find_obstacles(std::vector<Move>& moves, const std::vector<std::string>& put_aside) const;

  private:
    bool lives_elsewhere(catalog::NodeId node) const;
    bool still_there(const std::string& old_path, const FileStat& stat) const;
    DirectoryMatch claim(const catalog::Entry& old, std::string old_path, bool by_path, bool moved);
    std::optional<std::string> obstacle_of(
        const Move& move, const std::unordered_set<std::string>& leaving,
        const std::vector<std::pair<std::string, std::string>>& moved_dirs) const;

    const catalog::Catalog* catalog_;
    catalog::RunNumber parent_;
    int root_fd_;
    bool record_moves_;
    std::vector<bool> claimed_;                  // by node
    std::vector<bool> claimed_by_path_;          // by node
    std::map<catalog::NodeId, bool> elsewhere_;  // what Again taught → whether it still holds
    std::vector<Move> moves_;
    std::size_t restarts_ = 0;
};

}  // namespace icecore::engine
