#include "support/history_gen.h"

#include <tuple>
#include <utility>

#include "support/history_weights.h"

namespace icecore::testing {
namespace {

/// All values below `limit` alike, whatever RapidCheck's size is; shrinks towards 0.
rc::Gen<std::uint32_t> below(std::uint32_t limit) {
    return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::uint32_t>(0, limit));
}

rc::Gen<Step> gen_step(const Weights& weights) {
    auto fields = rc::gen::tuple(below(weights.total()), below(kIndexLimit), below(kIndexLimit),
                                 below(kIndexLimit), below(kIndexLimit), below(kValueLimit));
    return rc::gen::map(std::move(fields), [weights](const auto& f) {
        return Step{weights.pick(std::get<0>(f)),
                    std::get<1>(f),
                    std::get<2>(f),
                    std::get<3>(f),
                    std::get<4>(f),
                    std::get<5>(f)};
    });
}

/// Up to `steps_max` steps.
rc::Gen<Steps> gen_run(const Weights& weights, std::size_t steps_max) {
    return rc::gen::resize(static_cast<int>(steps_max), rc::gen::container<Steps>(gen_step(weights)));
}

}  // namespace

rc::Gen<History> genHistory(std::size_t runs, std::size_t steps_per_run, const Mix& mix) {
    if (runs == 0) return rc::gen::just(History{});
    auto first = gen_run(Weights(mix, true), 3 * steps_per_run);
    auto later = rc::gen::container<History>(runs - 1, gen_run(Weights(mix, false), steps_per_run));
    return rc::gen::map(rc::gen::pair(std::move(first), std::move(later)),
                        [](std::pair<Steps, History> parts) {
                            History history;
                            history.reserve(parts.second.size() + 1);
                            history.push_back(std::move(parts.first));
                            for (Steps& run : parts.second) history.push_back(std::move(run));
                            return history;
                        });
}

}  // namespace icecore::testing
