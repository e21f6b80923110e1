#include "support/history_weights.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/error.h"

namespace icecore::testing {
namespace {

/// Which switch of Mix a step needs.
enum class Kind : std::uint8_t { plain, move, link, type_change, removal, directory_xattr_removal };

struct Row {
    Action action;
    std::string_view name;
    Kind kind;
    std::uint32_t initial_weight;
    std::uint32_t weight;
};

using enum Action;
constexpr std::array kRows{
    Row{create_file, "create_file", Kind::plain, 40, 9},
    Row{make_directory, "make_directory", Kind::plain, 25, 5},
    Row{append, "append", Kind::plain, 1, 2},
    Row{overwrite, "overwrite", Kind::plain, 0, 2},
    Row{overwrite_quiet, "overwrite_quiet", Kind::plain, 0, 2},
    Row{truncate, "truncate", Kind::plain, 0, 2},
    Row{remove_file, "remove_file", Kind::plain, 0, 3},
    Row{touch, "touch", Kind::plain, 2, 2},
    Row{change_mode, "change_mode", Kind::plain, 2, 2},
    Row{change_owner, "change_owner", Kind::plain, 2, 2},
    Row{set_xattr, "set_xattr", Kind::plain, 2, 2},
    Row{remove_file_xattr, "remove_file_xattr", Kind::plain, 0, 1},
    Row{remove_directory_xattr, "remove_directory_xattr", Kind::directory_xattr_removal, 0, 1},
    Row{set_acl, "set_acl", Kind::plain, 2, 2},
    Row{remove_acl, "remove_acl", Kind::plain, 0, 1},
    Row{create_sparse, "create_sparse", Kind::plain, 2, 1},
    Row{make_symlink, "make_symlink", Kind::plain, 6, 2},
    Row{make_fifo, "make_fifo", Kind::plain, 2, 1},
    Row{make_device, "make_device", Kind::plain, 2, 1},
    Row{remove_tree, "remove_tree", Kind::removal, 0, 3},
    Row{rename, "rename", Kind::move, 0, 8},
    Row{move, "move", Kind::move, 1, 10},
    Row{swap_files, "swap_files", Kind::move, 0, 3},
    Row{swap_directories, "swap_directories", Kind::move, 0, 5},
    Row{swap_any, "swap_any", Kind::move, 0, 3},
    Row{rotate_directories, "rotate_directories", Kind::move, 0, 4},
    Row{rotate_any, "rotate_any", Kind::move, 0, 3},
    Row{move_onto_file, "move_onto_file", Kind::move, 0, 4},
    Row{move_onto_directory, "move_onto_directory", Kind::move, 0, 2},
    Row{rescue_file, "rescue_file", Kind::move, 0, 3},
    Row{shift_directory, "shift_directory", Kind::move, 0, 5},
    Row{nest_directory, "nest_directory", Kind::move, 0, 2},
    Row{hoist_directory, "hoist_directory", Kind::move, 0, 3},
    Row{invert_directories, "invert_directories", Kind::move, 0, 3},
    Row{change_type, "change_type", Kind::type_change, 0, 5},
    Row{recreate, "recreate", Kind::removal, 0, 4},
    Row{copy_file, "copy_file", Kind::plain, 2, 2},
    Row{link, "link", Kind::link, 8, 6},
    Row{link_over, "link_over", Kind::link, 0, 3},
    Row{break_link, "break_link", Kind::link, 0, 3},
    Row{move_linked, "move_linked", Kind::link, 0, 4},
    Row{replace_linked, "replace_linked", Kind::link, 0, 3},
    Row{write_linked, "write_linked", Kind::link, 0, 3},
};

constexpr bool in_enum_order() {
    for (std::size_t i = 0; i < kRows.size(); ++i)
        if (static_cast<std::size_t>(kRows[i].action) != i) return false;
    return true;
}
static_assert(in_enum_order());

bool allows(const Mix& mix, Kind kind) {
    switch (kind) {
        case Kind::plain:
            return true;
        case Kind::move:
            return mix.moves;
        case Kind::link:
            return mix.hard_links;
        case Kind::type_change:
            return mix.type_changes;
        case Kind::removal:
            return mix.directory_removal;
        case Kind::directory_xattr_removal:
            return mix.directory_xattr_removal;
    }
    return false;
}

}  // namespace

std::string_view name_of(Action action) {
    auto i = static_cast<std::size_t>(action);
    CHECK(i < kRows.size());
    return kRows[i].name;
}

Weights::Weights(const Mix& mix, bool initial) {
    for (const Row& row : kRows) {
        std::uint32_t weight = initial ? row.initial_weight : row.weight;
        if (weight == 0 || !allows(mix, row.kind)) continue;
        total_ += weight;
        items_.push_back({total_, row.action});
    }
}

Action Weights::pick(std::uint32_t at) const {
    CHECK(at < total_);
    auto it = std::upper_bound(items_.begin(), items_.end(), at,
                               [](std::uint32_t value, const Item& item) { return value < item.end; });
    return it->action;
}

}  // namespace icecore::testing
