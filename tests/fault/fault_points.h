#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace icecore::testing {

/// Whether ICECORE_LONG is set: every place is tried, not a sample.
bool long_form();

/// ICECORE_SEED, 1 by default: where samples begin, and what random choices begin with.
std::uint64_t fault_seed();

/// Which of the places 1 … `count` to try: all of them in the long form, else about `wanted`, evenly spread
/// from a place that the seed chooses. ICECORE_POINT=N: that one alone, to look at a failure again.
std::vector<std::uint64_t> fault_points(std::uint64_t count, std::uint64_t wanted);

}  // namespace icecore::testing
