#pragma once

#include <array>
#include <random>
#include <string>
#include <vector>

#include "sim_process.h"
#include "store/target.h"
#include "store/test_support.h"

namespace icecore::testing {

/// What may break on the way of an object into a simulated store, and how a run of it went.
struct Breaks {
    std::vector<std::string> operations;  ///< those that faults hit
    std::vector<std::string> kinds;       ///< of faults
    std::function<std::unique_ptr<store::Target>()> open;
    SimProcess* sim = nullptr;
};

/// Puts `source` with faults, interruptions, kills of the store and losses of our notes, as the seed has it,
/// until it is there. Returns how often something was broken.
inline unsigned put_through(const Breaks& breaks, unsigned seed, store::PatternSource& source,
                            const store::Upload& upload) {
    std::mt19937 random(seed);
    auto below = [&](std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
    };
    store::MemoryResume resume;
    auto ignore = [](std::uint64_t) {};
    unsigned interruptions = 0;
    for (unsigned attempt = 0; attempt < 5; ++attempt) {
        for (std::size_t i = below(3); i > 0; --i, ++interruptions) {
            const std::string& kind = breaks.kinds.at(below(breaks.kinds.size()));
            breaks.sim->order(format(R"({{"operation":"{}","kind":"{}"{},"skip":{},"count":{}}})",
                                     breaks.operations.at(below(breaks.operations.size())), kind,
                                     kind == "error" ? R"(,"status":500)" : "", below(3), 1 + below(2)));
        }
        if (below(2) == 0) source.fail_at = below(static_cast<std::size_t>(source.size_bytes()));
        if (below(3) == 0) resume.state.clear();  // the outbox was lost
        try {
            breaks.open()->put(upload, source, resume, ignore);
            source.fail_at.reset();
            breaks.sim->clear_faults();
            return interruptions;
        } catch (const Error& e) {
            EXPECT_TRUE(e.kind() == Error::Kind::io || e.kind() == Error::Kind::transient) << e.message();
        }
        ++interruptions;
        source.fail_at.reset();
        if (below(3) == 0) breaks.sim->restart();
    }
    breaks.sim->clear_faults();
    breaks.open()->put(upload, source, resume, ignore);
    return interruptions;
}

}  // namespace icecore::testing
