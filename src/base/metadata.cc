#include "base/metadata.h"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/format.h"
#include "base/posix_acl.h"

namespace icecore {
namespace {

constexpr std::size_t kListBytes = 1024;          ///< on the stack: enough for nearly every file
constexpr std::size_t kListBytesMax = 64 << 10;   ///< XATTR_LIST_MAX
constexpr std::size_t kValueBytes = 4096;         ///< on the stack
constexpr std::size_t kValueBytesMax = 64 << 10;  ///< XATTR_SIZE_MAX

/// The attributes of an open file.
struct OpenFile {
    int fd;
    ssize_t list(char* buffer, std::size_t size) const { return flistxattr(fd, buffer, size); }
    ssize_t get(const char* name, char* buffer, std::size_t size) const {
        return fgetxattr(fd, name, buffer, size);
    }
    int set(const char* name, const std::string& value) const {
        return fsetxattr(fd, name, value.data(), value.size(), 0);
    }
};

/// The attributes of a name in an open directory, not following a symbolic link: there is no such system call
/// before Linux 6.13, but a path through /proc does the same.
struct NamedFile {
    NamedFile(int dir, const char* name) : path(format("/proc/self/fd/{}/{}", dir, name)) {}
    std::string path;
    ssize_t list(char* buffer, std::size_t size) const { return llistxattr(path.c_str(), buffer, size); }
    ssize_t get(const char* name, char* buffer, std::size_t size) const {
        return lgetxattr(path.c_str(), name, buffer, size);
    }
    int set(const char* name, const std::string& value) const {
        return lsetxattr(path.c_str(), name, value.data(), value.size(), 0);
    }
};

/// A value, or nullopt if it has vanished or the file system does not give it.
template <typename File>
std::optional<std::string> read_value(const File& file, const char* name) {
    std::array<char, kValueBytes>
        buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the call
    ssize_t size = file.get(name, buffer.data(), buffer.size());
    if (size >= 0) return std::string(buffer.data(), static_cast<std::size_t>(size));
    if (errno == ERANGE) {
        std::string value(kValueBytesMax, '\0');
        size = file.get(name, value.data(), value.size());
        if (size >= 0) {
            value.resize(static_cast<std::size_t>(size));
            value.shrink_to_fit();
            return value;
        }
    }
    if (errno == ENODATA || errno == EOPNOTSUPP) return std::nullopt;
    throw_errno(format("reading extended attribute {}", name));
}

template <typename File>
void read_one(const File& file, const char* name, Metadata& metadata) {
    std::string_view key = name;
    auto value = read_value(file, name);
    if (!value) return;
    if (key == kAccessAclName) {
        if (!is_minimal_acl(*value)) metadata.acl_access = acl_text_of(*value);
    } else if (key == kDefaultAclName) {
        metadata.acl_default = acl_text_of(*value);
    } else {
        metadata.xattrs.emplace_back(key, *std::move(value));
    }
}

/// Calls `visit` with the name of each attribute.
template <typename File, typename Visit>
void for_each_name(const File& file, Visit visit) {
    std::array<char, kListBytes> small;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the call
    std::string large;
    const char* names = small.data();
    ssize_t size = file.list(small.data(), small.size());
    if (size == 0) return;
    if (size < 0 && errno == ERANGE) {
        large.resize(kListBytesMax);
        size = file.list(large.data(), large.size());
        names = large.data();
    }
    if (size < 0) {
        if (errno == EOPNOTSUPP) return;
        throw_errno("listing extended attributes");
    }
    for (const char* end = names + size; names < end; names += std::char_traits<char>::length(names) + 1)
        visit(names);
}

template <typename File>
Metadata read_all(const File& file) {
    Metadata metadata;
    for_each_name(file, [&](const char* name) { read_one(file, name, metadata); });
    std::sort(metadata.xattrs.begin(), metadata.xattrs.end());
    return metadata;
}

bool has_attribute(const Metadata& metadata, std::string_view name) {
    if (name == kAccessAclName) return !metadata.acl_access.empty();
    if (name == kDefaultAclName) return !metadata.acl_default.empty();
    return std::any_of(metadata.xattrs.begin(), metadata.xattrs.end(),
                       [&](const auto& xattr) { return xattr.first == name; });
}

bool is_security_label(std::string_view name) {
    return name.starts_with("security.") && name != "security.capability";
}

template <typename File>
bool set_one(const File& file, const char* name, const std::string& value) {
    if (file.set(name, value) == 0) return true;
    if (errno == EOPNOTSUPP || errno == EPERM || errno == EACCES) return false;
    throw_errno(format("setting extended attribute {}", name));
}

template <typename File>
bool apply_all(const File& file, const Metadata& metadata) {
    bool all = true;
    for (const auto& [name, value] : metadata.xattrs) all = set_one(file, name.c_str(), value) && all;
    if (!metadata.acl_access.empty())
        all = set_one(file, kAccessAclName, acl_value_of(metadata.acl_access)) && all;
    if (!metadata.acl_default.empty())
        all = set_one(file, kDefaultAclName, acl_value_of(metadata.acl_default)) && all;
    return all;
}

}  // namespace

Metadata read_metadata(int fd) {
    return read_all(OpenFile{fd});
}

Metadata read_metadata_at(int dir, const char* name) {
    return read_all(NamedFile(dir, name));
}

bool apply_metadata(int fd, const Metadata& metadata) {
    return apply_all(OpenFile{fd}, metadata);
}

bool remove_other_metadata(int fd, const Metadata& keep) {
    bool all = true;
    for_each_name(OpenFile{fd}, [&](const char* name) {
        if (has_attribute(keep, name) || is_security_label(name) || fremovexattr(fd, name) == 0) return;
        if (errno == EPERM || errno == EACCES || errno == EOPNOTSUPP)
            all = false;
        else if (errno != ENODATA)
            throw_errno(format("removing extended attribute {}", name));
    });
    return all;
}

bool has_default_acl(int dir) {
    return fgetxattr(dir, kDefaultAclName, nullptr, 0) > 0;
}

bool apply_metadata_at(int dir, const char* name, const Metadata& metadata) {
    return metadata.empty() || apply_all(NamedFile(dir, name), metadata);
}

}  // namespace icecore
