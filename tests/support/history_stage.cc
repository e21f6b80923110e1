#include "support/history_stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

/// The plain ones first: names shrink to them, and they are chosen often enough to be used again and again.
const std::vector<std::string>& name_pool() {
    using namespace std::string_literals;
    static const std::vector<std::string> names = {"a",
                                                   "b",
                                                   "c",
                                                   "d",
                                                   "e",
                                                   "f",
                                                   "g",
                                                   "h",
                                                   "D",
                                                   "Y",
                                                   "R",
                                                   "T",
                                                   "N",
                                                   "X",
                                                   "new\nline",
                                                   "-dash",
                                                   "--help",
                                                   "two words",
                                                   " lead",
                                                   "trail ",
                                                   "\xff\xfe"s,
                                                   "latin-\xe9",
                                                   "na\xc3\xafve",
                                                   "\x01",
                                                   "\x7f",
                                                   "back\\slash",
                                                   "\\n",
                                                   "\\x41",
                                                   ".hidden",
                                                   "..x",
                                                   "...",
                                                   ".t",
                                                   ".icecore-1",
                                                   "*",
                                                   "?[a]",
                                                   "$HOME",
                                                   "quote\"'",
                                                   "%s",
                                                   "tab\there",
                                                   "~",
                                                   "#1",
                                                   "a.tar",
                                                   std::string(99, 'n'),
                                                   std::string(100, 'n'),
                                                   std::string(101, 'n'),
                                                   std::string(255, 'n'),
                                                   std::string(254, '\xe4') + "x"};
    return names;
}

constexpr std::size_t kPlainNames = 8;

std::string at(const std::string& path) {
    return path.empty() ? "." : path;
}

FileType type_of(mode_t mode) {
    if (S_ISDIR(mode)) return FileType::directory;
    if (S_ISLNK(mode)) return FileType::symlink;
    if (S_ISFIFO(mode)) return FileType::fifo;
    if (S_ISCHR(mode)) return FileType::char_device;
    if (S_ISBLK(mode)) return FileType::block_device;
    if (S_ISSOCK(mode)) return FileType::socket;
    return FileType::regular;
}

void check_call(int rc, std::string_view verb, std::string_view path) {
    if (rc != 0) throw_errno(say(verb, path));
}

}  // namespace

std::string random_bytes(std::uint32_t seed, std::size_t size) {
    std::string out(size, '\0');
    std::uint64_t state = seed * 2654435761ULL + 88172645463325252ULL;
    for (char& c : out) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        c = static_cast<char>(state >> 32);
    }
    return out;
}

std::size_t size_class(std::uint32_t value) {
    constexpr std::array<std::size_t, 12> kSizes{0, 1, 100, 511, 512, 513, 4096, 10240, 33000, 102400, 7, 64};
    return kSizes[value % kSizes.size()];
}

bool is_same_or_below(const Node& node, const Node& dir) {
    return is_below(node.path, dir.path);
}

bool are_apart(const Node& a, const Node& b) {
    return !is_same_or_below(a, b) && !is_same_or_below(b, a);
}

std::string say(std::string_view verb, std::string_view path) {
    return format("{} {}", verb, path.empty() ? "." : escape_path(path));
}

std::string say(std::string_view verb, std::string_view from, std::string_view to) {
    return say(verb, from) + " -> " + escape_path(to);
}

Stage::Stage(const std::string& root) : root_(open_file(root, O_RDONLY | O_DIRECTORY)) {
    read("", 0);
    std::sort(nodes_.begin(), nodes_.end(), [](const Node& x, const Node& y) { return x.path < y.path; });
}

void Stage::read(const std::string& path, std::size_t depth) {
    struct stat st {};
    check_call(fstatat(root(), at(path).c_str(), &st, AT_SYMLINK_NOFOLLOW), "stat", path);
    std::size_t index = nodes_.size();
    Node node;
    node.path = path;
    node.type = type_of(st.st_mode);
    node.mode = st.st_mode & 07777;
    node.size = static_cast<std::uint64_t>(st.st_size);
    node.mtime = {st.st_mtim.tv_sec, static_cast<std::uint32_t>(st.st_mtim.tv_nsec)};
    node.ino = st.st_ino;
    node.nlink = st.st_nlink;
    node.depth = depth;
    bool directory = node.is_directory();
    nodes_.push_back(std::move(node));
    if (!directory) return;
    Fd dir = open_directory_at(root(), at(path).c_str(), path);
    for (const std::string& name : names_in(dir.get())) {
        std::size_t child = nodes_.size();
        read(join_path(path, name), depth + 1);
        nodes_[index].height = std::max(nodes_[index].height, nodes_[child].height + 1);
    }
}

const Node* Stage::pick(std::uint32_t index, const Test& test) const {
    std::vector<const Node*> fitting;
    for (const Node& node : nodes_)
        if (test(node)) fitting.push_back(&node);
    return fitting.empty() ? nullptr : fitting[index % fitting.size()];
}

const Node* Stage::pick_below_root(std::uint32_t index, const Test& test) const {
    return pick(index, [&](const Node& node) { return node.depth > 0 && test(node); });
}

const Node* Stage::pick_file(std::uint32_t index) const {
    return pick(index, [](const Node& node) { return node.is_file(); });
}

const Node* Stage::pick_parent(std::uint32_t index, std::size_t height, const Node* moved) const {
    return pick(index, [&](const Node& node) {
        return node.is_directory() && node.depth + 1 + height <= kDepthMax &&
               (moved == nullptr || !is_same_or_below(node, *moved));
    });
}

std::string Stage::new_path(const Node& dir, std::uint32_t name) const {
    const std::vector<std::string>& pool = name_pool();
    // Two of three names are plain.
    std::size_t index = name % 3 != 2 ? name / 3 % kPlainNames : name / 3 % pool.size();
    auto taken = [&](const std::string& path) {
        return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.path == path; });
    };
    for (std::size_t i = 0; i < pool.size(); ++i) {
        std::string path = join_path(dir.path, pool[(index + i) % pool.size()]);
        if (!taken(path)) return path;
    }
    for (std::size_t i = 0;; ++i) {
        std::string path = join_path(dir.path, format("n{}", i));
        if (!taken(path)) return path;
    }
}

std::string Stage::proc_path(const std::string& path) const {
    return format("/proc/self/fd/{}/{}", root(), at(path));
}

void Stage::rename(const std::string& from, const std::string& to) const {
    check_call(renameat(root(), from.c_str(), root(), to.c_str()), "rename", from);
}

void Stage::exchange(const std::string& a, const std::string& b) const {
    if (renameat2(root(), a.c_str(), root(), b.c_str(), RENAME_EXCHANGE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS) throw_errno(say("exchange", a, b));
    std::string temporary(kTemporaryName);
    rename(a, temporary);
    rename(b, a);
    rename(temporary, b);
}

void Stage::remove(const std::string& path) const {
    Fd parent = open_directory_at(root(), at(std::string(parent_path(path))).c_str(), path);
    remove_tree_at(parent.get(), std::string(base_name(path)));
}

void Stage::make_directory(const std::string& path) const {
    check_call(mkdirat(root(), path.c_str(), 0755), "mkdir", path);
}

Fd Stage::open(const std::string& path, int flags, unsigned mode) const {
    Fd fd(openat(root(), path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!fd) throw_errno(say("open", path));
    return fd;
}

void Stage::make_file(const std::string& path, std::string_view content) const {
    write_full(open(path, O_WRONLY | O_CREAT | O_EXCL, 0644).get(), content);
}

void Stage::make_symlink(const std::string& path, const std::string& target) const {
    check_call(symlinkat(target.c_str(), root(), path.c_str()), "symlink", path);
}

void Stage::make_fifo(const std::string& path) const {
    check_call(mkfifoat(root(), path.c_str(), 0644), "mkfifo", path);
}

bool Stage::make_device(const std::string& path, std::uint32_t value) const {
    struct Device {
        mode_t type;
        unsigned major;
        unsigned minor;
    };
    constexpr std::array<Device, 4> kDevices{
        {{S_IFCHR, 1, 3}, {S_IFBLK, 7, 200}, {S_IFCHR, 259, 70000}, {S_IFBLK, 4095, 1048575}}};
    const Device& device = kDevices[value % kDevices.size()];
    int rc = mknodat(root(), path.c_str(), device.type | 0640, makedev(device.major, device.minor));
    if (rc != 0 && errno == EPERM) return false;
    check_call(rc, "mknod", path);
    return true;
}

void Stage::set_mtime(const std::string& path, Timestamp mtime) const {
    std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                  timespec{mtime.sec, static_cast<long>(mtime.nsec)}};
    check_call(utimensat(root(), at(path).c_str(), times.data(), AT_SYMLINK_NOFOLLOW), "touch", path);
}

void Stage::copy_file(const Node& from, const std::string& to) const {
    Fd in = open(from.path, O_RDONLY);
    Fd out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    std::string content(static_cast<std::size_t>(from.size), '\0');
    content.resize(pread_full(in.get(), content.data(), content.size(), 0));
    write_full(out.get(), content);
    struct stat st {};
    check_call(fstat(in.get(), &st), "stat", from.path);
    // An ordinary user keeps what he may: cp -p does not mind either.
    if (fchown(out.get(), st.st_uid, st.st_gid) != 0 && errno != EPERM) throw_errno(say("chown", to));
    check_call(fchmod(out.get(), from.mode), "chmod", to);
    set_mtime(to, from.mtime);
}

std::string Stage::link_target(std::uint32_t value, std::uint32_t other) const {
    const std::string& existing = pick(other, [](const Node&) { return true; })->path;
    switch (value % 7) {
        case 0:
            return at(existing);
        case 1:
            return "../" + existing;
        case 2:
            return "nowhere";
        case 3:
            return "/etc/hostname";
        case 4:
            return "a/../../b/./c/";
        case 5:
            return "\xff\n" + std::string(150, 'l');
        default:
            return ".";
    }
}

}  // namespace icecore::testing
