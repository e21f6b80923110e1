#include "engine/member_check.h"

#include "base/error.h"
#include "base/text.h"
#include "engine/content.h"
#include "engine/tree_planner.h"

namespace icecore::engine {
namespace {

using archive::ManifestEntry;
using archive::Stored;
using archive::TarMember;

constexpr std::size_t kReadBytes = 1 << 20;
constexpr std::string_view kDeepName = "./.icecore-deep-";

std::string_view without_slash(std::string_view name) {
    if (name.size() > 2 && name.ends_with('/')) name.remove_suffix(1);
    return name;
}

/// Members of deep units have short names of their own; only the last component is the file's, and not even
/// that of the unit's root.
bool is_deep_name_of(const ManifestEntry& entry, std::string_view name) {
    bool deep = entry.stat.type == FileType::directory ? entry.path.size() > kDirectPathBytesMax
                                                       : parent_path(entry.path).size() > kDirectPathBytesMax;
    if (!deep || !name.starts_with(kDeepName)) return false;
    bool unit_root = name.find('/', kDeepName.size()) == std::string_view::npos;
    return unit_root ? entry.stat.type == FileType::directory : base_name(name) == base_name(entry.path);
}

bool name_matches(const ManifestEntry& entry, const TarMember& member) {
    std::string_view name = without_slash(member.name);
    if (name.starts_with("./") && name.substr(2) == entry.path) return true;
    return is_deep_name_of(entry, name);
}

/// A hard link says nothing of the type of file behind it.
bool type_matches(const ManifestEntry& entry, const TarMember& member) {
    if (entry.stored == Stored::link || member.hard_link)
        return entry.stored == Stored::link && member.hard_link;
    return member.type == entry.stat.type;
}

Digest digest_of_content(const TarMember& member, archive::TarReader& tar, std::string& buffer,
                         VerifyLog& log) {
    Sha256 hash;
    if (member.sparse) hash.update(sparse_map_block(*member.sparse));
    buffer.resize(kReadBytes);
    while (std::size_t n = tar.read_content(buffer.data(), buffer.size())) {
        hash.update({buffer.data(), n});
        log.advance(0, n);
    }
    return hash.finish();
}

}  // namespace

bool is_member_of(const ManifestEntry& entry, const TarMember& member) {
    return type_matches(entry, member) && name_matches(entry, member);
}

std::string differences(const ManifestEntry& entry, const TarMember& member, archive::TarReader& tar,
                        std::string& buffer, VerifyLog& log) {
    std::string out;
    auto compare = [&](bool same, std::string_view what) {
        if (!same) out.append(out.empty() ? "" : ", ").append(what);
    };
    const FileStat& stat = entry.stat;
    compare(name_matches(entry, member), "name");
    compare(type_matches(entry, member), "type");
    compare(member.mode == stat.mode, "mode");
    compare(member.uid == stat.uid && member.gid == stat.gid, "owner");
    compare(member.mtime == stat.mtime, "mtime");
    if (member.hard_link) {
        compare(member.link_target == "./" + entry.link_path, "link");
        return out;
    }
    compare(member.metadata == entry.metadata, "attributes");
    compare(member.type != FileType::symlink || member.link_target == entry.link_target, "link target");
    compare(member.rdev_major == stat.rdev_major && member.rdev_minor == stat.rdev_minor, "device number");
    if (member.type == FileType::regular) {
        compare(member.size_bytes == stat.size, "size");
        compare(member.sparse.has_value() == (entry.stored == Stored::sparse), "sparseness");
        compare(digest_of_content(member, tar, buffer, log) == entry.sha256, "SHA-256");
    }
    return out;
}

bool is_auxiliary(const TarMember& member) {
    if (member.type == FileType::directory) return member.name == "./" || member.name.starts_with(kDeepName);
    return member.type == FileType::symlink && member.name.starts_with(kDeepName);
}

}  // namespace icecore::engine
