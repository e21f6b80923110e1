#pragma once

#include <map>
#include <string>

#include "report/run_facts.h"

namespace icecore::report {

/// What a hook finds in its environment (icecore(1), "HOOKS"): ICECORE_SET, ICECORE_RESULT and so on. Values
/// are data: whatever a name holds, only the hook's own quoting matters. What is not known is not set.
std::map<std::string, std::string> hook_environment(const RunFacts& facts);

}  // namespace icecore::report
