#include "support/history.h"

#include <ostream>

#include "base/format.h"
#include "support/history_weights.h"

namespace icecore::testing {
namespace {

/// splitmix64 (Steele, Lea, Flood 2014): unlike the standard library's distributions the same everywhere.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint32_t below(std::uint32_t limit) {
        return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
    }

  private:
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    std::uint64_t state_;
};

}  // namespace

History random_history(std::uint64_t seed, std::size_t runs, std::size_t steps_per_run, const Mix& mix) {
    Random random(seed);
    Weights initial(mix, true);
    Weights later(mix, false);
    History history(runs);
    for (std::size_t r = 0; r < runs; ++r) {
        const Weights& weights = r == 0 ? initial : later;
        history[r].resize(r == 0 ? 3 * steps_per_run : steps_per_run);
        for (Step& step : history[r]) {
            step.action = weights.pick(random.below(weights.total()));
            step.first = random.below(kIndexLimit);
            step.second = random.below(kIndexLimit);
            step.third = random.below(kIndexLimit);
            step.name = random.below(kIndexLimit);
            step.value = random.below(kValueLimit);
        }
    }
    return history;
}

std::string to_string(const Step& step) {
    return format("{}({}, {}, {}, name {}, value {})", name_of(step.action), step.first, step.second,
                  step.third, step.name, step.value);
}

std::ostream& operator<<(std::ostream& out, const Step& step) {
    return out << to_string(step);
}

void showValue(const Step& step, std::ostream& out) {
    out << to_string(step);
}

}  // namespace icecore::testing
