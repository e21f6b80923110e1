#include "engine/remove_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

/// A directory whose files are gone, and its subdirectories that are not.
struct Level {
    std::string path;
    std::vector<std::string> directories;
};

void unlink_or_throw(int dir, const std::string& name, int flags, const std::string& path) {
    if (unlinkat(dir, name.c_str(), flags) != 0) throw_errno("removing " + escape_path(path));
}

Fd open_level(int parent, std::string_view path) {
    Fd fd = open_beneath(parent, path, O_RDONLY | O_DIRECTORY);
    if (!fd) throw_errno("opening " + escape_path(path));
    return fd;
}

/// Removes the files of the directory `path`.
Level clear_files(int parent, std::string path, std::uint64_t& removed) {
    Fd dir = open_level(parent, path);
    Level level;
    for (std::string& name : list_directory(format("/proc/self/fd/{}", dir.get()))) {
        FileStat stat;
        std::string child = join_path(path, name);
        if (!stat_at(dir.get(), name.c_str(), stat)) throw_errno("examining " + escape_path(child));
        if (stat.mount_root)
            throw Error(Error::Kind::denied, escape_path(child) + ": something is mounted there");
        if (stat.type == FileType::directory) {
            level.directories.push_back(std::move(name));
            continue;
        }
        unlink_or_throw(dir.get(), name, 0, child);
        ++removed;
    }
    level.path = std::move(path);
    return level;
}

}  // namespace

std::uint64_t remove_tree(int parent, const std::string& name) {
    FileStat stat;
    if (!stat_at(parent, name.c_str(), stat)) throw_errno("examining " + escape_path(name));
    if (stat.mount_root) throw Error(Error::Kind::denied, "something is mounted there");
    std::uint64_t removed = 0;
    std::vector<Level> levels;
    levels.push_back(clear_files(parent, name, removed));
    while (!levels.empty()) {
        Level& level = levels.back();
        if (!level.directories.empty()) {
            std::string below = join_path(level.path, level.directories.back());
            level.directories.pop_back();
            levels.push_back(clear_files(parent, std::move(below), removed));
            continue;
        }
        Fd above = open_level(parent, parent_path(level.path));
        unlink_or_throw(above.get(), std::string(base_name(level.path)), AT_REMOVEDIR, level.path);
        ++removed;
        levels.pop_back();
    }
    return removed;
}

}  // namespace icecore::engine
