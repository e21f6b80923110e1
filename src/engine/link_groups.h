#pragma once

#include <string>

#include "engine/plan.h"

namespace icecore::engine {

/// Decides for every name that shares its inode with others (now or in the parent run) whether it is kept as
/// it is on disk after the renames, stored, or made as a hard link, so that after extraction names share an
/// inode exactly if they do in the scanned tree.
///
/// Kept names of a group must all come from one earlier file (their location says which), no other group may
/// keep names of that file, and its content must be known to be the same: by ctime, else by hashing it once.
/// All other names become links to a kept one, or to the first, which is stored.
void decide_link_groups(int root_fd, Plan& plan);

/// What decide_link_groups needs to know of the recorded version of a name (LinkName::payload).
std::string link_payload(const OldVersion& old);

}  // namespace icecore::engine
