#include "support/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace icecore::testing {
namespace {

/// unlink(2). False if `name` is a directory.
bool remove_plain(int parent, const std::string& name) {
    if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR) throw_errno("removing " + escape_path(name));
    return false;
}

/// Opens a directory whatever its mode forbids, if it is ours.
Fd open_for_removal(int parent, const std::string& name) {
    // A refusal shows when the directory is opened or its names are removed.
    if (fchmodat(parent, name.c_str(), 0700, 0) != 0) errno = 0;
    return open_directory_at(parent, name.c_str(), name);
}

void remove_empty(int parent, const std::string& name) {
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0)
        throw_errno("removing directory " + escape_path(name));
}

}  // namespace

Fd open_directory_at(int parent, const char* name, std::string_view shown) {
    Fd fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) throw_errno("opening directory " + escape_path(shown));
    return fd;
}

std::vector<std::string> names_in(int dir) {
    int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::unique_ptr<DIR, int (*)(DIR*)> stream(own < 0 ? nullptr : fdopendir(own), closedir);
    if (!stream) throw_errno("reading a directory");
    std::vector<std::string> names;
    while (true) {
        errno = 0;
        const dirent* entry = readdir(stream.get());
        if (entry == nullptr) break;
        std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) throw_errno("reading a directory");
    std::sort(names.begin(), names.end());
    return names;
}

void remove_tree_at(int parent, const std::string& name) {
    if (remove_plain(parent, name)) return;
    struct Level {
        std::string name;
        std::vector<std::string> todo;
    };
    // Only the innermost directory is open; the way back is "..", so that depth costs no descriptors.
    Fd current = open_for_removal(parent, name);
    std::vector<Level> levels;
    levels.push_back({name, names_in(current.get())});
    while (true) {
        if (levels.back().todo.empty()) {
            std::string done = std::move(levels.back().name);
            levels.pop_back();
            if (levels.empty()) break;
            current = open_directory_at(current.get(), "..", "..");
            remove_empty(current.get(), done);
            continue;
        }
        std::string next = std::move(levels.back().todo.back());
        levels.back().todo.pop_back();
        if (remove_plain(current.get(), next)) continue;
        current = open_for_removal(current.get(), next);
        levels.push_back({std::move(next), names_in(current.get())});
    }
    remove_empty(parent, name);
}

}  // namespace icecore::testing
