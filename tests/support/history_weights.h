#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "support/history.h"

namespace icecore::testing {

/// Values of a step's fields lie below these.
inline constexpr std::uint32_t kIndexLimit = 1000;
inline constexpr std::uint32_t kValueLimit = 1 << 16;

/// The word for an action, as in the enum.
std::string_view name_of(Action action);

/// Actions to choose from, each with its weight added to those before it.
class Weights {
  public:
    /// `initial`: for the first run, which fills the tree.
    Weights(const Mix& mix, bool initial);
    std::uint32_t total() const { return total_; }
    /// `at` below total(). Small values give simple actions.
    Action pick(std::uint32_t at) const;

  private:
    struct Item {
        std::uint32_t end;
        Action action;
    };
    std::vector<Item> items_;
    std::uint32_t total_ = 0;
};

}  // namespace icecore::testing
