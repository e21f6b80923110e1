#include "scan/walk_rules.h"

#include <fcntl.h>
#include <ranges>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "snapshot/name.h"

namespace icecore::scan {
namespace {

constexpr std::string_view kCacheSignature = "Signature: 8a477f597d28d172789f06886806bc55";

std::vector<std::string> split_lines(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    std::vector<std::string> lines;
    while (!text.empty()) {
        std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace_back(line);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

/// A rule is shown to people: names and patterns that are not plain text are escaped.
std::string describe(std::string_view source, std::string_view rule) {
    std::string text = format("{}: {}", source, rule);
    for (std::string_view rest = text; !rest.empty();) {
        std::size_t length = utf8_sequence_length(rest);
        auto lead = static_cast<unsigned char>(rest[0]);
        if (length == 0 || lead < 0x20 || lead == 0x7f) return escape_path(text);
        rest.remove_prefix(length);
    }
    return text;
}

/// A btrfs snapshot that a backup of another set reads right now, or what stands for one in a snapshot.
bool is_own_snapshot(std::string_view path, const FileStat& stat) {
    bool subvolume = stat.type == FileType::directory && (stat.ino == 256 || stat.ino == 2);
    return subvolume && snapshot::is_name(base_name(path), snapshot::kHiddenPrefix);
}

Fd open_quietly(int dir, std::string_view path, int flags) {
    Fd fd = open_beneath(dir, path, flags | O_NOATIME);
    if (!fd && errno == EPERM) fd = open_beneath(dir, path, flags);  // not the owner of the file
    return fd;
}

}  // namespace

WalkRules::WalkRules(const WalkOptions& options) : options_(options), exclude_("exclude", options.exclude) {}

void WalkRules::add_ignore_file(int dir, const std::string& path, TreeVisitor& visitor) {
    FileStat stat;
    Fd fd = open_regular(dir, kIgnoreFileName, stat);
    if (!fd && errno == ENOENT) return;
    std::string file = join_path(path, kIgnoreFileName);
    auto refuse = [&](int error, std::string_view doing) { visitor.failed(file, error, doing); };
    if (!fd)
        return refuse(errno, errno == EINVAL ? "reading patterns from what is no file" : "reading patterns");
    if (stat.size > kIgnoreFileBytesMax) return refuse(EFBIG, "reading patterns (at most 1 MiB)");

    std::string text(stat.size, '\0');
    try {
        text.resize(read_full(fd.get(), text.data(), text.size()));
    } catch (const Error& error) {
        return refuse(error.os_error(), "reading patterns");
    }
    std::vector<std::string> lines = split_lines(text);
    if (ignore_lines_ + lines.size() > kIgnoreLinesMax || ignore_bytes_ + text.size() > kIgnoreBytesMax)
        return refuse(EFBIG, "reading patterns (too many in this and the directories above)");
    PatternList patterns(std::move(file), lines);
    if (patterns.empty()) return;
    ignore_lines_ += lines.size();
    ignore_bytes_ += text.size();
    lists_.push_back({std::move(patterns), path.empty() ? 0 : path.size() + 1, lines.size(), text.size()});
}

void WalkRules::back_to(std::size_t mark) {
    while (lists_.size() > mark) {
        ignore_lines_ -= lists_.back().lines;
        ignore_bytes_ -= lists_.back().bytes;
        lists_.pop_back();
    }
}

std::optional<PatternList::Match> WalkRules::match(std::string_view path, bool is_directory,
                                                   std::string_view& source) const {
    for (const auto& list : lists_ | std::views::reverse) {
        source = list.patterns.source();
        if (auto match = list.patterns.match(path.substr(list.prefix), is_directory)) return match;
    }
    source = exclude_.source();
    return exclude_.match(path, is_directory);
}

std::optional<std::string> WalkRules::exclusion(std::string_view path, const FileStat& stat) const {
    if (is_own_snapshot(path, stat)) return "snapshot of icecore";
    std::string_view source;
    auto found = match(path, stat.type == FileType::directory, source);
    if (found && found->excluded) return describe(source, found->rule);
    if (options_.exclude_nodump && stat.nodump) return "nodump attribute";
    const auto& max = options_.max_file_size_bytes;
    if (max && stat.type == FileType::regular && stat.size > *max)
        return format("max_file_size: {} > {}", format_bytes(stat.size), format_bytes(*max));
    return std::nullopt;
}

Fd open_regular(int dir, const char* name, FileStat& stat) {
    if (!stat_at(dir, name, stat)) return {};
    Fd fd;
    if (stat.type == FileType::regular) {
        fd = open_quietly(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (!fd || !stat_at(fd.get(), "", stat, AT_EMPTY_PATH)) return {};
        if (stat.type == FileType::regular) return fd;
        fd.reset();
    }
    errno = EINVAL;
    return {};
}

Fd open_directory(int dir, std::string_view path) {
    return open_quietly(dir, path, O_RDONLY | O_DIRECTORY);
}

bool has_cache_tag(int dir) {
    FileStat stat;
    Fd fd = open_regular(dir, kCacheTagName, stat);
    if (!fd || stat.size < kCacheSignature.size()) return false;
    char head[kCacheSignature.size()];
    try {
        return read_full(fd.get(), head, sizeof head) == sizeof head &&
               std::string_view(head, sizeof head) == kCacheSignature;
    } catch (const Error&) {
        return false;  // an unreadable tag is reported when its content is stored
    }
}

}  // namespace icecore::scan
