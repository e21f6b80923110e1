#pragma once

#include <vector>

#include "base/clock.h"
#include "sim/bill_lines.h"
#include "sim/s3/state.h"

namespace icecore::sim::s3 {

/// What is to be paid for until `end`; `gone`: it ends then.

/// The bytes of a version, and of its restored copy.
void add_intervals(const Version& version, Timestamp end, bool gone, std::vector<S3Interval>& out);
/// The restored copy of a version alone.
void add_copy_interval(const Version& version, Timestamp end, std::vector<S3Interval>& out);
/// The parts of an upload.
void add_intervals(const Upload& upload, Timestamp end, std::vector<S3Interval>& out);

}  // namespace icecore::sim::s3
