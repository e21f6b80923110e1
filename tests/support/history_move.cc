#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "support/history_stage.h"

namespace icecore::testing {
namespace {

/// Whether a tree as high as `node` may stand in the place of `place`.
bool fits_at(const Node& node, const Node& place) {
    return place.depth + node.height <= kDepthMax;
}

bool is_candidate(Action action, const Node& node) {
    switch (action) {
        case Action::swap_files:
            return !node.is_directory();
        case Action::swap_directories:
        case Action::rotate_directories:
            return node.is_directory();
        default:
            return true;
    }
}

std::string rename_in_place(const Step& step, const Stage& stage) {
    const Node* node = stage.pick_below_root(step.first, [](const Node&) { return true; });
    if (node == nullptr) return {};
    Node parent;
    parent.path = parent_path(node->path);
    std::string to = stage.new_path(parent, step.name);
    stage.rename(node->path, to);
    return say("rename", node->path, to);
}

std::string move(const Step& step, const Stage& stage) {
    const Node* node = stage.pick_below_root(step.first, [](const Node&) { return true; });
    if (node == nullptr) return {};
    const Node* parent = stage.pick_parent(step.second, node->height, node);
    if (parent == nullptr) return {};
    std::string same_name = join_path(parent->path, base_name(node->path));
    bool taken = std::any_of(stage.nodes().begin(), stage.nodes().end(),
                             [&](const Node& other) { return other.path == same_name; });
    std::string to = step.value % 2 == 0 && !taken ? same_name : stage.new_path(*parent, step.name);
    stage.rename(node->path, to);
    return say("move", node->path, to);
}

std::string swap(const Step& step, const Stage& stage) {
    const Node* a =
        stage.pick_below_root(step.first, [&](const Node& node) { return is_candidate(step.action, node); });
    if (a == nullptr) return {};
    const Node* b = stage.pick_below_root(step.second, [&](const Node& node) {
        return is_candidate(step.action, node) && are_apart(*a, node) && fits_at(*a, node) &&
               fits_at(node, *a);
    });
    if (b == nullptr) return {};
    stage.exchange(a->path, b->path);
    return say("swap", a->path, b->path);
}

/// a gets the name of b, b that of c, c that of a.
std::string rotate(const Step& step, const Stage& stage) {
    auto candidate = [&](const Node& node) { return is_candidate(step.action, node); };
    const Node* a = stage.pick_below_root(step.first, candidate);
    if (a == nullptr) return {};
    const Node* b = stage.pick_below_root(step.second, [&](const Node& node) {
        return candidate(node) && are_apart(*a, node) && fits_at(*a, node);
    });
    if (b == nullptr) return {};
    const Node* c = stage.pick_below_root(step.third, [&](const Node& node) {
        return candidate(node) && are_apart(*a, node) && are_apart(*b, node) && fits_at(*b, node) &&
               fits_at(node, *a);
    });
    if (c == nullptr) return {};
    std::string temporary(kTemporaryName);
    stage.rename(c->path, temporary);
    stage.rename(b->path, c->path);
    stage.rename(a->path, b->path);
    stage.rename(temporary, a->path);
    return say("rotate", a->path, b->path) + " -> " + escape_path(c->path);
}

std::string move_onto(const Step& step, const Stage& stage) {
    bool directories = step.action == Action::move_onto_directory;
    const Node* from = stage.pick_below_root(
        step.first, [&](const Node& node) { return node.is_directory() == directories; });
    if (from == nullptr) return {};
    const Node* onto = stage.pick_below_root(step.second, [&](const Node& node) {
        if (node.is_directory() != directories || !are_apart(*from, node)) return false;
        // rename(2) does nothing for two names of one file.
        return directories ? node.height == 0 && fits_at(*from, node) : node.ino != from->ino;
    });
    if (onto == nullptr) return {};
    stage.rename(from->path, onto->path);
    return say("move onto", from->path, onto->path);
}

}  // namespace

std::string apply_move(const Step& step, const Stage& stage) {
    switch (step.action) {
        case Action::rename:
            return rename_in_place(step, stage);
        case Action::move:
            return move(step, stage);
        case Action::swap_files:
        case Action::swap_directories:
        case Action::swap_any:
            return swap(step, stage);
        case Action::rotate_directories:
        case Action::rotate_any:
            return rotate(step, stage);
        case Action::move_onto_file:
        case Action::move_onto_directory:
            return move_onto(step, stage);
        default:
            CHECK(false);
    }
    return {};
}

}  // namespace icecore::testing
