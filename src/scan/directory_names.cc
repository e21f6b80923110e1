#include "scan/directory_names.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace icecore::scan {
namespace {

/// What one very large directory took is given back at the next small one.
constexpr std::size_t kArenaBytesKept = 16 << 20;

std::uint64_t head_of(std::string_view name) {
    std::uint64_t head = 0;
    for (std::size_t i = 0; i < 8; ++i)
        head = head << 8 | (i < name.size() ? static_cast<unsigned char>(name[i]) : 0U);
    return head;
}

}  // namespace

DirectoryNames::DirectoryNames() : buffer_(std::make_unique<char[]>(kBufferBytes)) {}

void DirectoryNames::add(const char* name) {
    std::string_view text = name;
    if (text == "." || text == "..") return;
    entries_.push_back({head_of(text), arena_.size()});
    arena_.append(text.data(), text.size() + 1);
}

bool DirectoryNames::precedes(const Entry& a, const Entry& b) const {
    if (a.head != b.head) return a.head < b.head;
    return std::strcmp(arena_.data() + a.offset, arena_.data() + b.offset) < 0;
}

int DirectoryNames::read(int fd) {
    if (arena_.capacity() > kArenaBytesKept) {
        arena_ = {};
        entries_ = {};
    }
    arena_.clear();
    entries_.clear();
    int error = 0;
    while (true) {
        ssize_t got = getdents64(fd, buffer_.get(), kBufferBytes);
        if (got < 0) error = errno;
        if (got <= 0) break;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            // The kernel aligns each record to 8 bytes.
            const auto* entry = static_cast<const dirent64*>(static_cast<const void*>(buffer_.get() + at));
            add(entry->d_name);
            at += entry->d_reclen;
        }
    }
    std::sort(entries_.begin(), entries_.end(),
              [this](const Entry& a, const Entry& b) { return precedes(a, b); });
    // A name that is renamed while the directory is read can be met twice.
    auto same = [this](const Entry& a, const Entry& b) { return !precedes(a, b); };
    entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
    return error;
}

bool DirectoryNames::contains(std::string_view name) const {
    auto less = [this](const Entry& entry, std::string_view wanted) {
        return std::string_view(arena_.data() + entry.offset) < wanted;
    };
    auto found = std::lower_bound(entries_.begin(), entries_.end(), name, less);
    return found != entries_.end() && arena_.data() + found->offset == name;
}

}  // namespace icecore::scan
