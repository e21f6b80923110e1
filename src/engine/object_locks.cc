#include "engine/object_locks.h"

#include <algorithm>

namespace icecore::engine {
namespace {

constexpr std::int64_t kDaySeconds = 24 * 3600;

}  // namespace

std::map<catalog::RunNumber, Timestamp> locks_needed(const std::vector<catalog::Run>& runs, unsigned days) {
    std::map<catalog::RunNumber, Timestamp> of_chain;
    for (const catalog::Run& run : runs) {
        Timestamp& last = of_chain[run.header.chain];
        last = std::max(last, run.header.started);
    }
    std::map<catalog::RunNumber, Timestamp> needed;
    for (const catalog::Run& run : runs) {
        Timestamp until = of_chain[run.header.chain];
        until.sec += days * kDaySeconds;
        needed.emplace(run.number(), until);
    }
    return needed;
}

Timestamp lock_end(Timestamp now, unsigned days) {
    return {now.sec + days * kDaySeconds + std::max(kDaySeconds, days * kDaySeconds / 8), 0};
}

}  // namespace icecore::engine
