#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "archive/dumpdir.h"

namespace icecore::engine {

/// A file or directory whose place differs between two trees although its parent directory alone does not
/// explain it.
struct Move {
    std::string from;  ///< path in the old tree
    std::string to;    ///< path in the new tree
    bool directory = false;
    /// Paths in the old tree of things that do not exist any more but stand where `to` or one of its parents
    /// must be, and that rename(2) cannot replace.
    std::vector<std::string> obstacles;
};

/// Renames in the form of a root dumpdir: run in order on a copy of the old tree, they bring every moved
/// thing to its new path.
struct RenameSequence {
    std::vector<archive::Dumpdir::Rename> renames;
    /// Obstacles were put aside under temporary names in the root, so a second root record must purge them
    /// (the listing that a record purges is taken before its own renames).
    bool purge_again = false;
    /// Obstacles (paths in the old tree) and the temporary names (without "./") under which they are purged.
    std::vector<std::pair<std::string, std::string>> put_aside;
};

/// Orders moves so that plain rename(2), one after the other, never fails:
///
/// 1. moves that touch nothing that another move touches, directly;
/// 2. everything else, and the obstacles, out of the way to temporary names in the root, deepest old path
/// first, so
///    that no old path changes before it is used;
/// 3. from there to the new places, shallowest first, so that each new parent is in place before (parents
/// that are new
///    are made by the extractor).
///
/// `put_aside`: paths in the old tree that must go although nothing moves into their place: obstacles on
/// their own. `root_names`: names that exist in the root of either tree and begin with ".icecore-"; temporary
/// names avoid them.
RenameSequence plan_renames(const std::vector<Move>& moves, const std::vector<std::string>& put_aside,
                            const std::set<std::string>& root_names);

}  // namespace icecore::engine
