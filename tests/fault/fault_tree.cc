#include "fault/fault_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "support/directory.h"

namespace icecore::testing {

FaultTree::FaultTree() {
    set.volume_bytes_max = 64 << 10;
    tree.file("large", noise(1200 << 10, 1));
    tree.file("moved/file", noise(20 << 10, 2));
    tree.file("moved/sub/deep", "deep");
    tree.file("dir/linked", noise(3 << 10, 3));
    tree.link("dir/linked", "linked too");
    tree.file("dir/attributes", "has one");
    setxattr((tree / "dir/attributes").c_str(), "user.color", "blue", 4,
             0);  // where the file system has them
    tree.file("dir/gone", "will be deleted");
    tree.file("z/steady", "never changes");
    tree.symlink("symlink", "dir/linked");
}

void FaultTree::change() {
    wait_for_next_tick(temp().path());
    tree.file("large", noise(1200 << 10, 4));
    tree.rename("moved", "dir/moved here");
    tree.append("dir/moved here/file", "more");
    tree.remove("dir/gone");
    tree.file("new", noise(70 << 10, 5));
    tree.link("dir/linked", "z/linked");
    tree.dir("empty");
    wait_for_next_tick(temp().path());
}

void FaultTree::save_backup() const {
    remove_tree_at(AT_FDCWD, saved());
    if (path_exists(set.backup_dir)) std::filesystem::copy(set.backup_dir, saved());
}

void FaultTree::reset_backup() const {
    remove_tree_at(AT_FDCWD, set.backup_dir);
    if (path_exists(saved())) std::filesystem::copy(saved(), set.backup_dir);
}

void FaultTree::remove_catalog() const {
    for (const char* suffix : {"", "-wal", "-shm"}) unlink((set.backup_dir + "/catalog.db" + suffix).c_str());
}

void FaultTree::halve_catalog() const {
    std::string path = set.backup_dir + "/catalog.db";
    if (path_exists(path)) std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
}

}  // namespace icecore::testing
