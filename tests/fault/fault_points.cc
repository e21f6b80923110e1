#include "fault/fault_points.h"

#include <algorithm>
#include <cstdlib>

namespace icecore::testing {

bool long_form() {
    return std::getenv("ICECORE_LONG") != nullptr;
}

std::uint64_t fault_seed() {
    const char* seed = std::getenv("ICECORE_SEED");
    return seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
}

std::vector<std::uint64_t> fault_points(std::uint64_t count, std::uint64_t wanted) {
    if (const char* point = std::getenv("ICECORE_POINT")) return {std::strtoull(point, nullptr, 10)};
    std::uint64_t stride =
        long_form() ? 1 : std::max<std::uint64_t>(1, count / std::max<std::uint64_t>(1, wanted));
    std::vector<std::uint64_t> points;
    for (std::uint64_t at = 1 + fault_seed() % stride; at <= count; at += stride) points.push_back(at);
    return points;
}

}  // namespace icecore::testing
