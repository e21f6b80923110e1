#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/dumpdir.h"
#include "archive/manifest.h"

namespace icecore::engine {

/// What the renames of a root's dumpdir do in the end: the reverse of rename_plan.h, for an archive without
/// manifest.
struct NetRenames {
    std::vector<archive::ManifestRename> renames;
    /// Directories (paths in the new tree) whose old selves were put aside to be purged, and whose names were
    /// moved into new ones (doc/format.md, "Attributes"): no renames.
    std::vector<std::string> anew;
    /// Directories that were made on the way to a rename's target, and are in the new tree.
    std::vector<std::string> made;
    /// The first rename that cannot be done, and why: tar gives up there, and does not purge the directory
    /// whose record it is. Our own archives have none. Empty: all were done.
    std::string failure;
};

/// The parent run's tree, as far as renames need to know it.
struct RenamedTree {
    /// Whether a path is a directory; nullopt if it is not in the tree.
    std::function<std::optional<bool>(const std::string& path)> is_directory;
    /// The names in a directory.
    std::function<std::vector<std::string>(const std::string& path)> names;
};

/// Runs `sequence` (names relative to the root, with or without "./") on a picture of the tree, as rename(2)
/// would. `kept`: names in the root that its listing keeps; what ends under another name there is purged,
/// unless a rename failed. Memory: the names that are moved.
NetRenames replay_renames(const std::vector<archive::Dumpdir::Rename>& sequence, const RenamedTree& tree,
                          const std::set<std::string>& kept);

}  // namespace icecore::engine
