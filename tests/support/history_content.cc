#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "support/history_stage.h"

namespace icecore::testing {
namespace {

struct Extent {
    std::uint64_t offset;
    std::size_t size;
};

/// A file of `size` bytes with data in `extents` only.
void write_sparse(const Stage& stage, const std::string& path, std::uint64_t size,
                  const std::vector<Extent>& extents, std::uint32_t seed) {
    Fd fd = stage.open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0) throw_errno(say("truncate", path));
    for (const Extent& extent : extents) {
        if (lseek(fd.get(), static_cast<off_t>(extent.offset), SEEK_SET) < 0) throw_errno(say("seek", path));
        write_full(fd.get(), random_bytes(seed, extent.size));
    }
}

void make_sparse(const Stage& stage, const std::string& path, std::uint32_t value) {
    constexpr std::uint64_t kMiB = 1 << 20;
    switch (value % 5) {
        case 0:
            return write_sparse(stage, path, kMiB, {}, value);
        case 1:
            return write_sparse(stage, path, kMiB + 5000, {{kMiB, 5000}}, value);
        case 2:
            return write_sparse(stage, path, 4 * kMiB, {{0, 4096}}, value);
        case 3:
            return write_sparse(stage, path, kMiB + 1, {{0, 1}, {65536, 4096}, {kMiB, 1}}, value);
        default:
            break;
    }
    // More extents than the map in an old-style sparse header holds.
    std::vector<Extent> extents;
    for (std::uint64_t i = 0; i < 30; ++i) extents.push_back({(2 * i + 1) * 16384, 512});
    write_sparse(stage, path, kMiB, extents, value);
}

std::string copy(const Step& step, const Stage& stage, const std::string& path) {
    const Node* from = stage.pick_file(step.second);
    if (from == nullptr) return {};
    stage.copy_file(*from, path);
    return say("copy", from->path, path);
}

std::string overwrite_file(const Step& step, const Stage& stage, const Node& file) {
    Fd fd = stage.open(file.path, O_WRONLY);
    write_full(fd.get(), random_bytes(step.value, static_cast<std::size_t>(file.size)));
    if (step.action == Action::overwrite) return say("overwrite", file.path);
    stage.set_mtime(file.path, file.mtime);
    return say("overwrite, keeping the mtime of", file.path);
}

std::string change_file(const Step& step, const Stage& stage) {
    const Node* file = stage.pick_file(step.first);
    if (file == nullptr) return {};
    if (step.action == Action::append) {
        Fd fd = stage.open(file->path, O_WRONLY | O_APPEND);
        write_full(fd.get(), random_bytes(step.value, size_class(step.value)));
        return say("append to", file->path);
    }
    if (step.action == Action::truncate) {
        Fd fd = stage.open(file->path, O_WRONLY);
        if (ftruncate(fd.get(), static_cast<off_t>(size_class(step.value))) != 0)
            throw_errno(say("truncate", file->path));
        return say("truncate", file->path);
    }
    return overwrite_file(step, stage, *file);
}

}  // namespace

std::string apply_creation(const Step& step, const Stage& stage) {
    const Node* dir = stage.pick_parent(step.first);
    if (dir == nullptr || !stage.has_room()) return {};
    std::string path = stage.new_path(*dir, step.name);
    switch (step.action) {
        case Action::create_file:
            stage.make_file(path, random_bytes(step.value, size_class(step.value)));
            break;
        case Action::make_directory:
            stage.make_directory(path);
            break;
        case Action::create_sparse:
            make_sparse(stage, path, step.value);
            break;
        case Action::make_symlink:
            stage.make_symlink(path, stage.link_target(step.value, step.second));
            break;
        case Action::make_fifo:
            stage.make_fifo(path);
            break;
        case Action::make_device:
            if (!stage.make_device(path, step.value)) return {};
            break;
        case Action::copy_file:
            return copy(step, stage, path);
        default:
            CHECK(false);
    }
    return say("create", path);
}

std::string apply_content(const Step& step, const Stage& stage) {
    bool tree = step.action == Action::remove_tree;
    if (!tree && step.action != Action::remove_file) return change_file(step, stage);
    const Node* victim =
        stage.pick_below_root(step.first, [&](const Node& node) { return node.is_directory() == tree; });
    if (victim == nullptr) return {};
    stage.remove(victim->path);
    return say("remove", victim->path);
}

}  // namespace icecore::testing
