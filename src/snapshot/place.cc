#include "snapshot/place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::snapshot {
namespace {

/// Space, tab, newline and backslash are written in octal.
std::string unescape(std::string_view text) {
    auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                      is_octal(text[i + 2]) && is_octal(text[i + 3]);
        if (!escape) {
            out += text[i];
            continue;
        }
        out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
        i += 3;
    }
    return out;
}

std::string without_slash(std::string_view path) {
    return std::string(path.starts_with('/') ? path.substr(1) : path);
}

std::string path_of(int dir) {
    std::array<char, PATH_MAX + 1> buffer{};
    ssize_t n = readlink(format("/proc/self/fd/{}", dir).c_str(), buffer.data(), buffer.size());
    if (n < 0) throw_errno("finding the path of the data directory");
    return {buffer.data(), static_cast<std::size_t>(n)};
}

std::uint64_t mount_id_of(int dir) {
    struct statx sx {};
    if (statx(dir, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) != 0) throw_errno("examining the data directory");
    if ((sx.stx_mask & STATX_MNT_ID) == 0)
        throw Error(Error::Kind::unsupported, "this kernel does not tell what a directory's file system is",
                    "snapshots need Linux 5.8 or newer");
    return sx.stx_mnt_id;
}

}  // namespace

std::vector<Mount> parse_mounts(std::string_view mountinfo) {
    // id parent major:minor root point options [optional…] - type source super-options
    std::vector<Mount> mounts;
    std::istringstream lines{std::string(mountinfo)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string parent, device, root, point, word, type, source, options;
        Mount mount;
        if (!(words >> mount.id >> parent >> device >> root >> point >> word)) continue;
        while (words >> word && word != "-") {
        }
        if (!(words >> type >> source >> options)) continue;
        mount.read_only_file_system = options == "ro" || options.starts_with("ro,");
        mount.root = unescape(root);
        mount.point = unescape(point);
        mount.type = unescape(type);
        mount.source = unescape(source);
        mounts.push_back(std::move(mount));
    }
    return mounts;
}

Place find_place(int dir) {
    return find_place(dir, parse_mounts(read_file("/proc/self/mountinfo")), mount_id_of(dir));
}

Place find_place(int dir, const std::vector<Mount>& mounts, std::uint64_t mount_id) {
    Place place;
    place.path = path_of(dir);
    if (!stat_at(dir, "", place.stat, AT_EMPTY_PATH)) throw_errno("examining " + place.path);
    auto mount = std::find_if(mounts.begin(), mounts.end(), [&](const Mount& m) { return m.id == mount_id; });
    std::string below = without_slash(place.path);
    if (mount == mounts.end() || !is_below(below, without_slash(mount->point)))
        throw Error(Error::Kind::unsupported, format("cannot find out what {} is mounted from", place.path));
    place.type = mount->type;
    place.source = mount->source;
    place.read_only_file_system = mount->read_only_file_system;
    std::string point = without_slash(mount->point);
    std::string rest = point.empty() ? below : below.substr(std::min(below.size(), point.size() + 1));
    place.inside = without_slash(mount->root);
    if (!rest.empty()) place.inside = join_path(place.inside, rest);
    for (const Mount& other : mounts) {
        bool whole = other.root == "/" && other.type == place.type && other.source == place.source;
        if (whole && place.whole_at.empty()) place.whole_at = other.point;
        std::string at = without_slash(other.point);
        if (at.size() <= below.size() || !is_below(at, below)) continue;
        std::string name = below.empty() ? at : at.substr(below.size() + 1);
        // A directory that is mounted on itself, as sandboxes do, is what it would be without that.
        bool itself = other.type == place.type && other.source == place.source &&
                      without_slash(other.root) == join_path(place.inside, name);
        if (!itself) place.mounts_below.push_back(std::move(name));
    }
    std::sort(place.mounts_below.begin(), place.mounts_below.end());
    place.mounts_below.erase(std::unique(place.mounts_below.begin(), place.mounts_below.end()),
                             place.mounts_below.end());
    return place;
}

}  // namespace icecore::snapshot
