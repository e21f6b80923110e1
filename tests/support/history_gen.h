#pragma once

// Apart from history.h because RapidCheck's headers are slow to compile.

#include <rapidcheck.h>

#include <cstddef>

#include "support/history.h"

namespace icecore::testing {

/// Histories of exactly `runs` runs with up to `steps_per_run` steps each (three times as many in the first),
/// weighted like random_history. Shrinks by dropping steps, then towards simpler actions, first victims and
/// small values.
rc::Gen<History> genHistory(std::size_t runs, std::size_t steps_per_run, const Mix& mix = {});

}  // namespace icecore::testing
