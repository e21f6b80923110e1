#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "archive/dumpdir.h"
#include "archive/manifest.h"

namespace icecore::engine {

/// What the renames of a root's dumpdir do in the end: the reverse of rename_plan.h, for when the manifest
/// that said it is lost.
struct NetRenames {
    std::vector<archive::ManifestRename> renames;
    /// Directories (paths in the new tree) whose old selves were put aside to be purged, and whose names were
    /// moved into new ones (doc/format.md, "Attributes"): no renames.
    std::vector<std::string> anew;
};

/// Runs `sequence` on a picture of the parent run's tree. `exists`: whether a path is in that tree. `kept`:
/// names in the root that its listing keeps; what ends under another name there is purged. Memory: the names
/// that are moved. Throws Error{corrupt} if a rename has no origin.
NetRenames replay_renames(const std::vector<archive::Dumpdir::Rename>& sequence,
                          const std::function<bool(const std::string& path)>& exists,
                          const std::set<std::string>& kept);

}  // namespace icecore::engine
