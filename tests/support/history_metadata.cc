#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/format.h"
#include "support/history_stage.h"

namespace icecore::testing {
namespace {

constexpr const char* kAccessAcl = "system.posix_acl_access";
constexpr const char* kDefaultAcl = "system.posix_acl_default";

bool any(const Node& /*node*/) {
    return true;
}

/// What a user attribute may be attached to.
bool takes_xattrs(const Node& node) {
    return node.is_file() || node.is_directory();
}

bool is_refusal(int code) {
    return code == ENOTSUP || code == EPERM || code == EACCES;
}

std::string touch(const Step& step, const Stage& stage) {
    const Node* node = stage.pick(step.first, any);
    Timestamp time = node->mtime;
    switch (step.value % 6) {
        case 0:
            time = add_ns(time, 1);
            break;
        case 1:
            time = {1, 500'000'000};
            break;
        case 2:
            time = {-2, 250'000'000};
            break;
        case 3:
            time = {4'102'444'800, 1};
            break;
        case 4:
            time.nsec = 0;
            break;
        default:
            time = stage.pick(step.second, any)->mtime;
            break;
    }
    stage.set_mtime(node->path, time);
    return say("touch", node->path);
}

std::string change_mode(const Step& step, const Stage& stage) {
    constexpr std::array<mode_t, 12> kModes{0644, 0600,  0755,  0777,  0000,  0444,
                                            0111, 04755, 02755, 01777, 07777, 0640};
    const Node* node = stage.pick(step.first, takes_xattrs);
    mode_t mode = kModes[step.value % kModes.size()];
    // Whoever is not root must be able to go on reading; the root directory stays usable for everyone.
    if (geteuid() != 0 || node->depth == 0) mode |= node->is_directory() ? 0700U : 0600U;
    if (fchmodat(stage.root(), node->path.empty() ? "." : node->path.c_str(), mode, 0) != 0)
        throw_errno(say("chmod", node->path));
    return say(format("chmod {:04o}", static_cast<unsigned>(mode)), node->path);
}

std::string change_owner(const Step& step, const Stage& stage) {
    if (geteuid() != 0) return {};
    constexpr std::array<unsigned, 5> kIds{1000, 0, 65534, 2'097'152, 3'000'000'000};
    const Node* node = stage.pick_below_root(step.first, any);
    if (node == nullptr) return {};
    unsigned uid = kIds[step.value % kIds.size()];
    unsigned gid = kIds[step.second % kIds.size()];
    if (fchownat(stage.root(), node->path.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == EPERM || errno == EINVAL) return {};  // a user namespace without these ids
        throw_errno(say("chown", node->path));
    }
    return say(format("chown {}:{}", uid, gid), node->path);
}

std::string set(const Stage& stage, const Node& node, const char* name, const std::string& value) {
    if (lsetxattr(stage.proc_path(node.path).c_str(), name, value.data(), value.size(), 0) != 0) {
        if (is_refusal(errno)) return {};
        throw_errno(say("setting an attribute of", node.path));
    }
    return say(format("set {} of", name), node.path);
}

bool has_xattr(const Stage& stage, const Node& node, const std::string& name) {
    return lgetxattr(stage.proc_path(node.path).c_str(), name.c_str(), nullptr, 0) >= 0;
}

std::string remove(const Stage& stage, const Node& node, const std::string& name) {
    if (lremovexattr(stage.proc_path(node.path).c_str(), name.c_str()) != 0) {
        if (is_refusal(errno)) return {};
        throw_errno(say("removing an attribute of", node.path));
    }
    return say(format("remove {} of", name), node.path);
}

const std::array<std::string, 4>& user_names() {
    static const std::array<std::string, 4> names{"user.a", "user.b", "user.with space=\xff",
                                                  "user.mime_type"};
    return names;
}

/// struct vfs_cap_data, version 2 (linux/capability.h): cap_net_bind_service, effective.
std::string file_capability() {
    return {"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};
}

std::string set_xattr(const Step& step, const Stage& stage) {
    const Node* node = stage.pick(step.first, takes_xattrs);
    std::uint32_t kind = step.value % 8;
    if (kind == 7 && node->is_file() && geteuid() == 0)
        return set(stage, *node, "security.capability", file_capability());
    std::string value = kind == 6   ? std::string()
                        : kind == 5 ? random_bytes(step.value, 600)
                                    : format("v{}", step.value);
    return set(stage, *node, user_names()[step.second % user_names().size()].c_str(), value);
}

std::string remove_xattr(const Step& step, const Stage& stage, bool directory) {
    for (std::size_t i = 0; i < user_names().size(); ++i) {
        const std::string& name = user_names()[(step.second + i) % user_names().size()];
        const Node* node = stage.pick(step.first, [&](const Node& n) {
            return takes_xattrs(n) && n.is_directory() == directory && has_xattr(stage, n, name);
        });
        if (node != nullptr) return remove(stage, *node, name);
    }
    return {};
}

/// The raw form of an ACL (linux/posix_acl_xattr.h): version 2, then tag, bits and id of each entry,
/// little-endian.
std::string raw_acl(std::uint32_t value) {
    constexpr std::uint32_t kNoId = 0xffffffff;
    struct Entry {
        std::uint32_t tag;
        std::uint32_t bits;
        std::uint32_t id;
    };
    const std::array<Entry, 6> entries{{{0x01, 7, kNoId},
                                        {0x02, value % 8, 1000 + value / 8 % 2},
                                        {0x04, 5, kNoId},
                                        {0x08, value / 16 % 8, 100},
                                        {0x10, 7, kNoId},
                                        {0x20, value / 128 % 8, kNoId}}};
    std::string out("\x02\x00\x00\x00", 4);
    auto put = [&](std::uint32_t number, int bytes) {
        for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
    };
    for (const Entry& entry : entries) {
        put(entry.tag, 2);
        put(entry.bits, 2);
        put(entry.id, 4);
    }
    return out;
}

std::string set_acl(const Step& step, const Stage& stage) {
    const Node* node = stage.pick(step.first, takes_xattrs);
    bool is_default = node->is_directory() && step.second % 3 == 0;
    return set(stage, *node, is_default ? kDefaultAcl : kAccessAcl, raw_acl(step.value));
}

std::string remove_acl(const Step& step, const Stage& stage) {
    for (const char* name : {kAccessAcl, kDefaultAcl}) {
        const Node* node = stage.pick(
            step.first, [&](const Node& n) { return takes_xattrs(n) && has_xattr(stage, n, name); });
        if (node != nullptr) return remove(stage, *node, name);
    }
    return {};
}

}  // namespace

std::string apply_metadata_change(const Step& step, const Stage& stage) {
    switch (step.action) {
        case Action::touch:
            return touch(step, stage);
        case Action::change_mode:
            return change_mode(step, stage);
        case Action::change_owner:
            return change_owner(step, stage);
        case Action::set_xattr:
            return set_xattr(step, stage);
        case Action::remove_file_xattr:
            return remove_xattr(step, stage, false);
        case Action::remove_directory_xattr:
            return remove_xattr(step, stage, true);
        case Action::set_acl:
            return set_acl(step, stage);
        case Action::remove_acl:
            return remove_acl(step, stage);
        default:
            CHECK(false);
    }
    return {};
}

}  // namespace icecore::testing
