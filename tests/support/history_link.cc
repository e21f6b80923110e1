#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "support/history_stage.h"

namespace icecore::testing {
namespace {

bool is_linkable(const Node& node) {
    return !node.is_directory();
}
bool is_linked(const Node& node) {
    return !node.is_directory() && node.nlink > 1;
}
bool is_linked_file(const Node& node) {
    return node.is_file() && node.nlink > 1;
}

void make_link(const Stage& stage, const std::string& from, const std::string& to) {
    if (linkat(stage.root(), from.c_str(), stage.root(), to.c_str(), 0) != 0)
        throw_errno(say("link", from, to));
}

std::string link_new(const Step& step, const Stage& stage) {
    const Node* from = stage.pick(step.first, is_linkable);
    const Node* parent = stage.pick_parent(step.second);
    if (from == nullptr || parent == nullptr || !stage.has_room()) return {};
    std::string to = stage.new_path(*parent, step.name);
    make_link(stage, from->path, to);
    return say("link", from->path, to);
}

std::string link_over(const Step& step, const Stage& stage) {
    const Node* from = stage.pick(step.first, is_linkable);
    if (from == nullptr) return {};
    const Node* onto =
        stage.pick(step.second, [&](const Node& node) { return is_linkable(node) && node.ino != from->ino; });
    if (onto == nullptr) return {};
    std::string temporary(kTemporaryName);
    make_link(stage, from->path, temporary);
    stage.rename(temporary, onto->path);
    return say("link over", from->path, onto->path);
}

std::string break_link(const Step& step, const Stage& stage) {
    const Node* node = stage.pick(step.first, is_linked_file);
    if (node == nullptr) return {};
    std::string temporary(kTemporaryName);
    stage.copy_file(*node, temporary);
    stage.rename(temporary, node->path);
    return say("break link", node->path);
}

std::string move_linked(const Step& step, const Stage& stage) {
    const Node* node = stage.pick(step.first, is_linked);
    const Node* parent = stage.pick_parent(step.second);
    if (node == nullptr || parent == nullptr) return {};
    std::string to = stage.new_path(*parent, step.name);
    stage.rename(node->path, to);
    return say("move linked", node->path, to);
}

std::string replace_linked(const Step& step, const Stage& stage) {
    const Node* node = stage.pick(step.first, is_linked);
    if (node == nullptr) return {};
    std::string temporary(kTemporaryName);
    stage.make_file(temporary, random_bytes(step.value, size_class(step.value)));
    stage.rename(temporary, node->path);
    return say("replace linked", node->path);
}

std::string write_linked(const Step& step, const Stage& stage) {
    const Node* node = stage.pick(step.first, is_linked_file);
    if (node == nullptr) return {};
    Fd fd = stage.open(node->path, O_WRONLY | O_APPEND);
    write_full(fd.get(), random_bytes(step.value, size_class(step.value)));
    return say("append to linked", node->path);
}

/// Something new of `type` at `path`; a directory sometimes with a file in it.
bool make(const Stage& stage, FileType type, const std::string& path, const Step& step) {
    switch (type) {
        case FileType::directory:
            stage.make_directory(path);
            if (step.value % 3 == 1)
                stage.make_file(path + "/a", random_bytes(step.value, size_class(step.value)));
            return true;
        case FileType::symlink:
            stage.make_symlink(path, stage.link_target(step.value / 8, step.second));
            return true;
        case FileType::fifo:
            stage.make_fifo(path);
            return true;
        case FileType::char_device:
        case FileType::block_device:
            return stage.make_device(path, step.value);
        default:
            stage.make_file(path, random_bytes(step.value, size_class(step.value)));
            return true;
    }
}

FileType other_type(const Node& node, std::uint32_t value) {
    constexpr std::array kTypes{FileType::regular, FileType::directory, FileType::symlink,
                                FileType::directory, FileType::fifo};
    FileType type = kTypes[value % kTypes.size()];
    if (type != node.type) return type;
    return node.is_directory() ? FileType::regular : FileType::directory;
}

}  // namespace

std::string apply_link(const Step& step, const Stage& stage) {
    switch (step.action) {
        case Action::link:
            return link_new(step, stage);
        case Action::link_over:
            return link_over(step, stage);
        case Action::break_link:
            return break_link(step, stage);
        case Action::move_linked:
            return move_linked(step, stage);
        case Action::replace_linked:
            return replace_linked(step, stage);
        case Action::write_linked:
            return write_linked(step, stage);
        default:
            CHECK(false);
    }
    return {};
}

std::string apply_replacement(const Step& step, const Stage& stage) {
    const Node* node = stage.pick_below_root(step.first, [](const Node&) { return true; });
    if (node == nullptr || node->depth == kDepthMax || !stage.has_room()) return {};
    FileType type = step.action == Action::recreate ? node->type : other_type(*node, step.value);
    stage.remove(node->path);
    if (!make(stage, type, node->path, step)) return say("remove", node->path);
    return say(step.action == Action::recreate ? "recreate" : "change the type of", node->path);
}

}  // namespace icecore::testing
