#pragma once

#include <cstdint>
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
    std::uint64_t checkpoint_bytes =
        64 << 20;  ///< how much is copied at most between two moments at which it is made durable and noted
};

/// Files are copied under a temporary name, made durable, read back past the page cache where the system
/// allows, and renamed only when the bytes on the disk have our SHA-256. A copy that was stopped goes on
/// where it ended. verify() reads the whole file and looks at its SHA-256 alone. Thaws are ready at once.
/// What is no regular file, or begins with a dot, is no object. put() throws Error{denied} while another
/// process puts the same object. `fs` must outlive the target. Throws Error{invalid} for a directory that is
/// not absolute, or a host or set that cannot be a directory's name.
std::unique_ptr<Target> make_dir_target(FileSystem& fs, DirTargetOptions options);

}  // namespace icecore::store
