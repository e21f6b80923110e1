#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "support/history_stage.h"

namespace icecore::testing {
namespace {

/// Directory `inner` of `outer`, both below the root.
const Node* pick_inner_directory(const Step& step, const Stage& stage, const Node*& outer) {
    auto has_directory = [&](const Node& node) {
        return node.is_directory() &&
               std::any_of(stage.nodes().begin(), stage.nodes().end(), [&](const Node& n) {
                   return n.is_directory() && parent_path(n.path) == node.path;
               });
    };
    outer = stage.pick_below_root(step.first, has_directory);
    if (outer == nullptr) return nullptr;
    return stage.pick(step.second, [&](const Node& node) {
        return node.is_directory() && node.depth == outer->depth + 1 && is_same_or_below(node, *outer);
    });
}

std::string rescue_file(const Step& step, const Stage& stage) {
    const Node* file = stage.pick_below_root(
        step.first, [](const Node& node) { return !node.is_directory() && node.depth >= 2; });
    if (file == nullptr) return {};
    std::string dir(parent_path(file->path));
    const Node* refuge = stage.pick(step.second, [&](const Node& node) {
        return node.is_directory() && node.depth < kDepthMax && !is_below(node.path, dir);
    });
    CHECK(refuge != nullptr);  // the root is one
    std::string to = stage.new_path(*refuge, step.name);
    stage.rename(file->path, to);
    stage.remove(dir);
    return say("rescue", file->path, to) + ", " + say("remove", dir);
}

std::string shift_directory(const Step& step, const Stage& stage) {
    const Node* dir = stage.pick_below_root(step.first, [](const Node& node) { return node.is_directory(); });
    if (dir == nullptr || !stage.has_room(2)) return {};
    const Node* parent = stage.pick_parent(step.second, dir->height, dir);
    if (parent == nullptr) return {};
    std::string to = stage.new_path(*parent, step.name);
    stage.rename(dir->path, to);
    stage.make_directory(dir->path);
    // One of the names that were there, so that an old file could be taken for it.
    const Node* child = stage.pick(
        step.third, [&](const Node& n) { return n.depth > 0 && parent_path(n.path) == dir->path; });
    if (child != nullptr && step.value % 2 == 1)
        stage.make_file(child->path, random_bytes(step.value, size_class(step.value)));
    return say("shift", dir->path, to);
}

std::string nest_directory(const Step& step, const Stage& stage) {
    const Node* dir = stage.pick_below_root(step.first, [](const Node& node) {
        return node.is_directory() && node.depth + node.height + 1 <= kDepthMax;
    });
    if (dir == nullptr || !stage.has_room()) return {};
    Node empty;
    empty.path = kTemporaryName;  // a directory in which every name is free
    std::string to = join_path(dir->path, base_name(stage.new_path(empty, step.name)));
    std::string temporary(kTemporaryName);
    stage.rename(dir->path, temporary);
    stage.make_directory(dir->path);
    stage.rename(temporary, to);
    return say("nest", dir->path, to);
}

std::string hoist_directory(const Step& step, const Stage& stage) {
    const Node* outer = nullptr;
    const Node* inner = pick_inner_directory(step, stage, outer);
    if (inner == nullptr) return {};
    std::string temporary(kTemporaryName);
    stage.rename(inner->path, temporary);
    stage.remove(outer->path);
    stage.rename(temporary, outer->path);
    return say("hoist", inner->path, outer->path);
}

std::string invert_directories(const Step& step, const Stage& stage) {
    const Node* outer = nullptr;
    const Node* inner = pick_inner_directory(step, stage, outer);
    if (inner == nullptr || outer->depth + outer->height + 1 > kDepthMax) return {};
    // A name that the inner directory has not: its own children keep theirs.
    std::string name(base_name(stage.new_path(*inner, step.name)));
    std::string temporary(kTemporaryName);
    stage.rename(inner->path, temporary);
    stage.rename(outer->path, join_path(temporary, name));
    stage.rename(temporary, outer->path);
    return say("invert", outer->path, inner->path);
}

}  // namespace

std::string apply_directory_move(const Step& step, const Stage& stage) {
    switch (step.action) {
        case Action::rescue_file:
            return rescue_file(step, stage);
        case Action::shift_directory:
            return shift_directory(step, stage);
        case Action::nest_directory:
            return nest_directory(step, stage);
        case Action::hoist_directory:
            return hoist_directory(step, stage);
        case Action::invert_directories:
            return invert_directories(step, stage);
        default:
            CHECK(false);
    }
    return {};
}

}  // namespace icecore::testing
