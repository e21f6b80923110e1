#include "engine/deep_paths.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace icecore::engine {
namespace {

/// `wanted`, made longer until no name in the root begins with it.
std::string free_prefix(std::string wanted, const std::set<std::string>& root_names) {
    auto taken = [&](const std::string& name) { return name.starts_with(wanted); };
    while (std::any_of(root_names.begin(), root_names.end(), taken)) wanted += '-';
    return wanted;
}

class DoomedTrees {
  public:
    DoomedTrees(const PlanInput& input, RenameSequence& sequence, const std::set<std::string>& leaving,
                std::string prefix)
        : input_(input), sequence_(sequence), leaving_(leaving), prefix_(std::move(prefix)) {}

    /// Renames to a temporary name. Returns it.
    std::string put_aside(const std::string& name) {
        std::string temporary = prefix_ + std::to_string(++last_);
        sequence_.renames.push_back({"./" + name, "./" + temporary});
        sequence_.purge_again = true;
        return temporary;
    }

    /// Cuts off what is too deep in the old directory `old_path`, which stands at `name` in the end.
    void cut(const std::string& name, const std::string& old_path) {
        std::vector<Piece> pieces = {{old_path, name}};
        input_.catalog->walk(
            input_.parent, old_path, [&](const std::string& path, const catalog::Entry& entry) {
                if (entry.node == 0) return true;
                if (path != old_path && leaving_.contains(path)) return false;
                while (!is_below(path, pieces.back().old_path)) pieces.pop_back();
                std::string now = pieces.back().name + path.substr(pieces.back().old_path.size());
                if (now.size() > kDirectPathBytesMax) pieces.push_back({path, put_aside(now)});
                return true;
            });
    }

  private:
    struct Piece {
        std::string old_path;
        std::string name;
    };
    const PlanInput& input_;
    RenameSequence& sequence_;
    const std::set<std::string>& leaving_;
    std::string prefix_;
    unsigned last_ = 0;
};

bool is_below_any(std::string_view path, const std::vector<std::pair<std::string, std::string>>& put_aside) {
    return std::any_of(put_aside.begin(), put_aside.end(),
                       [&](const auto& aside) { return is_below(path, aside.first); });
}

}  // namespace

void add_deep_renames(const PlanInput& input, Plan& plan, const std::set<std::string>& leaving,
                      const std::set<std::string>& root_names) {
    RenameSequence& sequence = plan.rename_sequence;
    plan.deep_prefix = free_prefix(".icecore-deep-", root_names);
    DoomedTrees doomed(input, sequence, leaving, free_prefix(".icecore-old-", root_names));

    for (const Plan::DeepUnit& unit : plan.deep_units)
        if (!unit.old_path.empty() && !input.full) doomed.cut(doomed.put_aside(unit.path), unit.old_path);
    for (const auto& [path, old_path] : plan.deep_removals) {
        bool goes_with_unit = std::any_of(plan.deep_units.begin(), plan.deep_units.end(),
                                          [&](const auto& unit) { return is_below(path, unit.path); });
        if (!goes_with_unit && !is_below_any(old_path, sequence.put_aside)) doomed.cut(path, old_path);
    }
    if (plan.deep_obstacles)
        for (const auto& [old_path, temporary] : sequence.put_aside) doomed.cut(temporary, old_path);

    for (std::uint32_t number = 1; number <= plan.deep_units.size(); ++number)
        sequence.renames.push_back(
            {"./" + plan.deep_unit_name(number), "./" + plan.deep_units[number - 1].path});
}

}  // namespace icecore::engine
