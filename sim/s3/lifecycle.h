#pragma once

#include "sim/s3/call.h"

namespace icecore::sim::s3 {

/// Carries out what the bucket's lifecycle has done by `now`, at the moments when it was due. Costs a pass
/// over the bucket on the first call after a midnight and after its lifecycle was set, nothing otherwise.
/// Needs the lock.
void bring_up_to(Service& service, const std::string& bucket, Timestamp now);

}  // namespace icecore::sim::s3
