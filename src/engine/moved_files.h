#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "engine/plan.h"
#include "engine/rename_plan.h"

namespace icecore::engine {

/// Finds regular files that were renamed or moved one by one: a new name whose inode, size, times and
/// metadata are those of a name that vanished, and whose content hashes to what was recorded. (A rename
/// changes ctime, so that the numbers alone prove nothing.) Files with several hard links are left to the
/// link groups.
class MovedFiles {
  public:
    /// `where`: the record's place in plan.vanished.
    void add_origin(const VanishedName& name, std::uint64_t where);
    void clear() { origins_.clear(); }

    /// Reads through the plan's files and records those found: in plan.moved_files, plan.found_again and
    /// `moves`.
    void find(int root_fd, Plan& plan, std::vector<Move>& moves) const;

  private:
    struct Origin {
        std::uint64_t size_bytes;
        Timestamp mtime;
        bool coarse = false;
        std::uint64_t where;
    };
    std::unordered_multimap<std::uint64_t, Origin> origins_;  // by inode number
};

}  // namespace icecore::engine
