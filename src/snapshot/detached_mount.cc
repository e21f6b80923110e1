#include "snapshot/detached_mount.h"

#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::snapshot {
namespace {

/// What the kernel says of a failure, a message a read(2), as in "e ext4: …"; else strerror.
[[noreturn]] void fail(const Fd& context, const DetachedMount& mount) {
    int code = errno;
    std::string reasons;
    std::array<char, 512> buffer;
    for (ssize_t n = 0; context && (n = read(context.get(), buffer.data(), buffer.size())) > 2;)
        reasons += (reasons.empty() ? "" : "; ") +
                   quotable(std::string_view(buffer.data(), static_cast<std::size_t>(n)).substr(2));
    std::string doing = format("mounting the {} of {}", mount.type, escape_path(mount.source));
    if (!reasons.empty()) doing += format(" ({})", reasons);
    std::string hint;
    if (code == EPERM) hint = "snapshots need root";
    if (code == ENOSYS) hint = "snapshots need Linux 5.8 or newer";
    if (code == ENOENT) hint = "is the device there under this name? In a sandbox it may be hidden";
    throw Error::from_errno(code, doing, hint);
}

}  // namespace

Fd mount_detached(const DetachedMount& mount) {
    Fd context(fsopen(mount.type.c_str(), FSOPEN_CLOEXEC));
    if (!context) fail(context, mount);
    auto set = [&](const char* key, const std::string& value) {
        bool flag = value.empty();
        if (fsconfig(context.get(), flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key,
                     flag ? nullptr : value.c_str(), 0) != 0)
            fail(context, mount);
    };
    set("source", mount.source);
    if (mount.read_only) set("ro", "");
    for (const auto& [key, value] : mount.options) set(key.c_str(), value);
    if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) fail(context, mount);
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME;
    if (mount.read_only) attributes |= MOUNT_ATTR_RDONLY;
    Fd root(fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
    if (!root) fail(context, mount);
    return root;
}

}  // namespace icecore::snapshot
