#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/s3_types.h"
#include "store/target.h"

namespace icecore::store {

/// Where in a bucket the objects of a set lie.
struct S3SetPlace {
    std::string bucket;
    std::string prefix;  ///< of the set's keys, with the slash at its end
    std::string set;
};

/// What the rules of a bucket's lifecycle will do to objects of the set that may do harm: delete them, take
/// them to a class where they cannot be read at once, or remove what was deleted before anybody notices. A
/// rule for tags concerns none (ours have none), nor does one that gives up unfinished uploads or removes
/// delete markers that hide nothing. Pure.
std::vector<TargetRemark> lifecycle_remarks(const std::vector<cloud::S3LifecycleRule>& rules,
                                            const S3SetPlace& place);

}  // namespace icecore::store
