#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::scan {

/// The names of one directory in byte order, each once. One arena holds them all and is used again for the
/// next directory. One thread at a time.
class DirectoryNames {
  public:
    DirectoryNames();

    /// Reads all names of the open directory `fd` but "." and "..". Returns 0 or the errno of the read that
    /// failed; the names got until then are kept.
    int read(int fd);

    std::size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }
    /// Ends in NUL; valid until the next read().
    const char* operator[](std::size_t i) const { return arena_.data() + entries_[i].offset; }
    bool contains(std::string_view name) const;

  private:
    struct Entry {
        std::uint64_t head;  ///< first 8 bytes, as a number that sorts like them
        std::size_t offset;  ///< in arena_
    };
    void add(const char* name);
    bool precedes(const Entry& a, const Entry& b) const;

    static constexpr std::size_t kBufferBytes = 64 << 10;
    std::unique_ptr<char[]> buffer_;
    std::string arena_;
    std::vector<Entry> entries_;
};

}  // namespace icecore::scan
