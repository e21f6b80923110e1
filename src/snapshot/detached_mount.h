#pragma once

#include <string>
#include <vector>

#include "base/file.h"

namespace icecore::snapshot {

/// A file system that is mounted nowhere (fsopen(2)): only its descriptors lead into it, and the kernel
/// unmounts it when the last one is closed, so that it cannot outlive this program. Needs CAP_SYS_ADMIN.
struct DetachedMount {
    std::string type;    ///< "ext4", …
    std::string source;  ///< the device
    /// Of the file system: {"nouuid", ""}, {"subvolid", "5"}.
    std::vector<std::pair<std::string, std::string>> options = {};
    bool read_only = true;
};

/// Its root directory (O_PATH). Throws Error: denied, unsupported (Linux before 5.2), io with the kernel's
/// reason.
Fd mount_detached(const DetachedMount& mount);

}  // namespace icecore::snapshot
