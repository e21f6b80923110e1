#pragma once

#include <set>
#include <string>

#include "engine/plan.h"
#include "engine/tree_planner.h"

namespace icecore::engine {

/// Adds to the end of plan.rename_sequence, when all moves have been made, what paths need that no system
/// call takes whole (doc/format.md, "Deep paths"): tar removes a tree by whole names, so each old tree that
/// is to go is cut into pieces that stand in the root under temporary names; then every deep unit is put in
/// its place. Sets plan.deep_prefix.
///
/// `leaving`: paths in the old tree of everything that is moved. `root_names`: as for plan_renames.
void add_deep_renames(const PlanInput& input, Plan& plan, const std::set<std::string>& leaving,
                      const std::set<std::string>& root_names);

}  // namespace icecore::engine
