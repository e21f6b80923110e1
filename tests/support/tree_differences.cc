#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "base/format.h"
#include "base/text.h"
#include "support/tree_compare.h"

namespace icecore::testing {
namespace {

using Xattrs = std::vector<std::pair<std::string, std::string>>;
using Groups = std::vector<std::vector<std::string>>;

constexpr std::size_t kShownBytesMax = 60;
constexpr std::size_t kShownNamesMax = 8;
constexpr std::uint64_t kFilledHoleBytesMin = 256 << 10;

std::string shown(std::string_view path) {
    return path.empty() ? "." : escape_path(path);
}

std::string shortened(std::string text) {
    if (text.size() <= kShownBytesMax) return text;
    text.resize(kShownBytesMax);
    return text + "…";
}

std::string_view type_name(FileType type) {
    switch (type) {
        case FileType::regular:
            return "file";
        case FileType::directory:
            return "directory";
        case FileType::symlink:
            return "symlink";
        case FileType::fifo:
            return "fifo";
        case FileType::char_device:
            return "character device";
        case FileType::block_device:
            return "block device";
        case FileType::socket:
            return "socket";
    }
    return "?";
}

/// "12.5", "13.0", "-1.5": seconds with as many decimals as there are.
std::string shown_time(Timestamp t) {
    bool negative = t.sec < 0;
    if (negative && t.nsec > 0) t = {t.sec + 1, 1'000'000'000 - t.nsec};
    std::string text = format("{}{}.{:09}", negative ? "-" : "", negative ? -t.sec : t.sec, t.nsec);
    while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
    return text;
}

template <typename T>
T little_endian(const std::string& bytes, std::size_t offset) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(
            value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i)));
    return value;
}

/// "user::rw-,user:1000:r--,…" of a system.posix_acl_* attribute (linux/posix_acl_xattr.h); nullopt if it is
/// none.
std::optional<std::string> acl_text(const std::string& raw) {
    if (raw.size() < 4 || (raw.size() - 4) % 8 != 0 || little_endian<std::uint32_t>(raw, 0) != 2)
        return std::nullopt;
    std::string out;
    for (std::size_t at = 4; at < raw.size(); at += 8) {
        auto tag = little_endian<std::uint16_t>(raw, at);
        auto bits = little_endian<std::uint16_t>(raw, at + 2);
        bool user = tag == 0x01 || tag == 0x02;
        bool group = tag == 0x04 || tag == 0x08;
        bool named = tag == 0x02 || tag == 0x08;
        if (!out.empty()) out += ',';
        out += user ? "user:" : group ? "group:" : tag == 0x10 ? "mask:" : "other:";
        if (named) out += std::to_string(little_endian<std::uint32_t>(raw, at + 4));
        out += format(":{}{}{}", (bits & 4) != 0 ? 'r' : '-', (bits & 2) != 0 ? 'w' : '-',
                      (bits & 1) != 0 ? 'x' : '-');
    }
    return out;
}

std::string shown_xattr(const std::string& name, const std::string& value) {
    if (name.starts_with("system.posix_acl_"))
        if (auto text = acl_text(value)) return *text;
    return "\"" + shortened(escape_path(value)) + "\"";
}

class Comparison {
  public:
    Comparison(const TreeSnapshot& expected, const TreeSnapshot& actual, const CompareOptions& options)
        : expected_(expected), actual_(actual), options_(options) {}

    std::vector<std::string> run();

  private:
    void compare_names();
    void missing(const TreeSnapshot& from, const TreeSnapshot& other, const std::string& path,
                 std::string_view where);
    void compare_entry(const std::string& path, const TreeEntry& e, const TreeEntry& a);
    void compare_content(const std::string& path, const TreeEntry& e, const TreeEntry& a);
    void compare_xattrs(const std::string& path, const Xattrs& e, const Xattrs& a);
    void compare_links();
    void report_groups(const Groups& groups, const Groups& other, std::string_view where);
    Groups included(const Groups& groups) const;
    bool excluded(const std::string& path) const;

    template <typename T>
    void value(const std::string& path, std::string_view what, const T& e, const T& a) {
        if (e != a) say(path, format("{} {} != {}", what, e, a));
    }
    void say(const std::string& path, std::string_view text) {
        lines_.emplace_back(path, format("{}: {}", shown(path), text));
    }

    const TreeSnapshot& expected_;
    const TreeSnapshot& actual_;
    const CompareOptions& options_;
    std::vector<std::pair<std::string, std::string>> lines_;  ///< path to sort by, and the line
};

bool Comparison::excluded(const std::string& path) const {
    if (!options_.exclude) return false;
    for (std::string_view p = path;; p = parent_path(p)) {
        if (options_.exclude(p)) return true;
        if (p.empty()) return false;
    }
}

/// A path that only one side has: one line for the topmost directory, with the number of names below it.
void Comparison::missing(const TreeSnapshot& from, const TreeSnapshot& other, const std::string& path,
                         std::string_view where) {
    if (excluded(path)) return;
    // Reported with the parent already, as missing or as of another type.
    auto parent = other.entries.find(std::string(parent_path(path)));
    if (!path.empty() && (parent == other.entries.end() || parent->second.type != FileType::directory))
        return;
    std::size_t below = 0;
    std::string prefix = path + "/";
    for (auto it = from.entries.lower_bound(prefix);
         it != from.entries.end() && it->first.starts_with(prefix); ++it)
        ++below;
    std::string_view type = type_name(from.entries.at(path).type);
    say(path, below == 0 ? format("{} in {} only", type, where)
                         : format("{} in {} only, with {} names below it", type, where, below));
}

void Comparison::compare_names() {
    auto e = expected_.entries.begin();
    auto a = actual_.entries.begin();
    while (e != expected_.entries.end() || a != actual_.entries.end()) {
        bool e_ended = e == expected_.entries.end();
        bool a_ended = a == actual_.entries.end();
        if (a_ended || (!e_ended && e->first < a->first)) {
            missing(expected_, actual_, e->first, "expected");
            ++e;
        } else if (e_ended || a->first < e->first) {
            missing(actual_, expected_, a->first, "actual");
            ++a;
        } else {
            if (!excluded(e->first)) compare_entry(e->first, e->second, a->second);
            ++e;
            ++a;
        }
    }
}

void Comparison::compare_entry(const std::string& path, const TreeEntry& e, const TreeEntry& a) {
    if (e.type != a.type) {
        value(path, "type", type_name(e.type), type_name(a.type));
        return;
    }
    if (e.mode != a.mode) say(path, format("mode {:04o} != {:04o}", e.mode, a.mode));
    if (!options_.ignore_owner) {
        value(path, "uid", e.uid, a.uid);
        value(path, "gid", e.gid, a.gid);
    }
    if (e.mtime != a.mtime && !(path.empty() && options_.ignore_root_mtime))
        say(path, format("mtime {} != {}", shown_time(e.mtime), shown_time(a.mtime)));
    if (e.link_target != a.link_target)
        say(path, format("target {} != {}", shortened(escape_path(e.link_target)),
                         shortened(escape_path(a.link_target))));
    if (e.device_major != a.device_major || e.device_minor != a.device_minor)
        say(path,
            format("device {}:{} != {}:{}", e.device_major, e.device_minor, a.device_major, a.device_minor));
    compare_content(path, e, a);
    if (!options_.ignore_xattrs) compare_xattrs(path, e.xattrs, a.xattrs);
}

void Comparison::compare_content(const std::string& path, const TreeEntry& e, const TreeEntry& a) {
    value(path, "size", e.size, a.size);
    if (e.size == a.size && e.content != a.content)
        say(path, format("content {} != {}", e.content.hex().substr(0, 12), a.content.hex().substr(0, 12)));
    if (options_.check_sparseness && a.allocated_bytes > 2 * e.allocated_bytes + kFilledHoleBytesMin)
        say(path,
            format("holes filled: {} bytes allocated, {} expected", a.allocated_bytes, e.allocated_bytes));
}

void Comparison::compare_xattrs(const std::string& path, const Xattrs& e, const Xattrs& a) {
    auto find = [](const Xattrs& in, const std::string& name) {
        auto it = std::lower_bound(in.begin(), in.end(), name,
                                   [](const auto& x, const auto& n) { return x.first < n; });
        return it != in.end() && it->first == name ? &it->second : nullptr;
    };
    for (const auto& [name, wanted] : e) {
        const std::string* got = find(a, name);
        if (got == nullptr)
            say(path, format("xattr {} {} in expected only", escape_path(name), shown_xattr(name, wanted)));
        else if (*got != wanted)
            say(path, format("xattr {} {} != {}", escape_path(name), shown_xattr(name, wanted),
                             shown_xattr(name, *got)));
    }
    for (const auto& [name, got] : a)
        if (find(e, name) == nullptr)
            say(path, format("xattr {} {} in actual only", escape_path(name), shown_xattr(name, got)));
}

Groups Comparison::included(const Groups& groups) const {
    Groups out;
    for (std::vector<std::string> group : groups) {
        std::erase_if(group, [&](const std::string& path) { return excluded(path); });
        if (group.size() > 1) out.push_back(std::move(group));
    }
    std::sort(out.begin(), out.end());
    return out;
}

void Comparison::report_groups(const Groups& groups, const Groups& other, std::string_view where) {
    Groups only;
    std::set_difference(groups.begin(), groups.end(), other.begin(), other.end(), std::back_inserter(only));
    for (const std::vector<std::string>& group : only) {
        std::string names = shown(group[0]);
        for (std::size_t i = 1; i < group.size() && i < kShownNamesMax; ++i) names += ", " + shown(group[i]);
        if (group.size() > kShownNamesMax) names += format(" and {} more", group.size() - kShownNamesMax);
        lines_.emplace_back(group[0], format("{}: hard-linked in {} only", names, where));
    }
}

void Comparison::compare_links() {
    Groups e = included(expected_.link_groups);
    Groups a = included(actual_.link_groups);
    report_groups(e, a, "expected");
    report_groups(a, e, "actual");
}

std::vector<std::string> Comparison::run() {
    compare_names();
    compare_links();
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const auto& x, const auto& y) { return x.first < y.first; });
    std::vector<std::string> out;
    out.reserve(lines_.size());
    for (auto& [path, line] : lines_) out.push_back(std::move(line));
    return out;
}

}  // namespace

std::vector<std::string> differences(const TreeSnapshot& expected, const TreeSnapshot& actual,
                                     const CompareOptions& options) {
    return Comparison(expected, actual, options).run();
}

std::string join_lines(const std::vector<std::string>& lines, std::size_t lines_max) {
    std::string out;
    for (std::size_t i = 0; i < lines.size() && i < lines_max; ++i) out += lines[i] + "\n";
    if (lines.size() > lines_max) out += format("… and {} more\n", lines.size() - lines_max);
    return out;
}

}  // namespace icecore::testing
