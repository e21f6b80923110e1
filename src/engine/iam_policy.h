#pragma once

#include <string>
#include <vector>

#include "engine/environment.h"

namespace icecore::engine {

/// What a key may be allowed to do with a target.
enum class IamPurpose : std::uint8_t {
    write,    ///< backup, upload, verify --remote: no deletion, nothing of archives is read
    restore,  ///< recover, restore: nothing is stored or deleted
};

/// Whose files in which place.
struct IamPlace {
    const TargetOptions& target;  ///< s3 or glacier
    std::string host;
    std::string set;
    std::string region;  ///< empty: any
};

/// The least that IAM must allow for `purpose` in all `places`, as the JSON of a policy, indented. A key for
/// writing reaches the files of its own host and sets; one for restoring those of all below the prefix, since
/// it must work on a machine of another name. Pure.
std::string iam_policy(const std::vector<IamPlace>& places, IamPurpose purpose);

}  // namespace icecore::engine
