#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "store/target.h"

namespace icecore::store {

/// A directory as a target: a second disk, NFS, USB. Objects are files `DIRECTORY/HOST/SET/NAME`.
struct DirTargetOptions {
    std::string
        directory;  ///< absolute; must exist (a disk that is not mounted must not be taken for an empty one)
    std::string host;
    std::string set;
};

/// Files are copied under a temporary name, made durable, read back past the page cache where the system
/// allows, and renamed only when the bytes on the disk have our SHA-256. A copy that was stopped goes on
/// where it ended. verify() reads the whole file. Thaws are ready at once. `fs` must outlive the target.
std::unique_ptr<Target> make_dir_target(FileSystem& fs, DirTargetOptions options);

}  // namespace icecore::store
