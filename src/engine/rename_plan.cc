#include "engine/rename_plan.h"

#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

using Paths = std::set<std::string, std::less<>>;

std::string tar_name(std::string_view path) {
    return "./" + std::string(path);
}

std::ptrdiff_t depth(std::string_view path) {
    return std::count(path.begin(), path.end(), '/');
}

bool has_proper_ancestor_in(std::string_view path, const Paths& set) {
    for (std::string_view up = parent_path(path); !up.empty(); up = parent_path(up))
        if (set.contains(up)) return true;
    return false;
}

bool has_proper_descendant_in(std::string_view path, const Paths& set) {
    std::string prefix = std::string(path) + "/";
    auto it = set.lower_bound(prefix);
    return it != set.end() && it->starts_with(prefix);
}

/// Whether a move can be done first, on the old tree as it is, without regard to any other move.
bool is_independent(const Move& move, const Paths& leaving, const Paths& arriving_directories) {
    return move.obstacles.empty() && !leaving.contains(move.to) &&
           !has_proper_ancestor_in(move.from, leaving) && !has_proper_descendant_in(move.from, leaving) &&
           !has_proper_ancestor_in(move.to, leaving) &&
           !has_proper_ancestor_in(move.to, arriving_directories);
}

class TemporaryNames {
  public:
    explicit TemporaryNames(const std::set<std::string>& taken) : taken_(taken) {}
    std::string next() {
        std::string name;
        do name = format(".icecore-{}", ++last_);
        while (taken_.contains(name));
        return name;
    }

  private:
    const std::set<std::string>& taken_;
    unsigned last_ = 0;
};

}  // namespace

RenameSequence plan_renames(const std::vector<Move>& moves, const std::vector<std::string>& put_aside,
                            const std::set<std::string>& root_names) {
    Paths leaving;
    Paths arriving_directories;
    Paths obstacles(put_aside.begin(), put_aside.end());
    for (const Move& move : moves) {
        leaving.insert(move.from);
        if (move.directory) arriving_directories.insert(move.to);
        obstacles.insert(move.obstacles.begin(), move.obstacles.end());
    }
    leaving.insert(obstacles.begin(), obstacles.end());

    RenameSequence sequence;
    sequence.purge_again = !obstacles.empty();
    std::vector<const Move*> entangled;
    for (const Move& move : moves) {
        if (is_independent(move, leaving, arriving_directories))
            sequence.renames.push_back({tar_name(move.from), tar_name(move.to)});
        else
            entangled.push_back(&move);
    }

    struct Parked {
        std::string_view from;
        std::string temporary;
        const Move* move;  ///< nullptr: an obstacle, which stays parked until it is purged
    };
    std::vector<Parked> parked;
    TemporaryNames names(root_names);
    for (const std::string& path : obstacles) parked.push_back({path, names.next(), nullptr});
    for (const Move* move : entangled) parked.push_back({move->from, names.next(), move});

    std::stable_sort(parked.begin(), parked.end(),
                     [](const Parked& a, const Parked& b) { return depth(a.from) > depth(b.from); });
    for (const Parked& p : parked) sequence.renames.push_back({tar_name(p.from), tar_name(p.temporary)});

    for (const Parked& p : parked)
        if (p.move == nullptr) sequence.put_aside.emplace_back(p.from, p.temporary);
    std::erase_if(parked, [](const Parked& p) { return p.move == nullptr; });
    std::stable_sort(parked.begin(), parked.end(),
                     [](const Parked& a, const Parked& b) { return depth(a.move->to) < depth(b.move->to); });
    for (const Parked& p : parked) sequence.renames.push_back({tar_name(p.temporary), tar_name(p.move->to)});
    return sequence;
}

}  // namespace icecore::engine
