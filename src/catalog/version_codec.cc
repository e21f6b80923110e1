#include "catalog/version_codec.h"

#include <cstdint>
#include <limits>

namespace icecore::catalog {
namespace {

constexpr std::uint64_t kSparse = 1;
constexpr std::uint64_t kRacy = 2;
constexpr std::uint64_t kDigest = 4;
constexpr std::uint64_t kDevice = 8;
constexpr std::uint64_t kCoarse = 16;
constexpr std::uint32_t kNanosecondsEnd = 1'000'000'000;
constexpr std::size_t kNumberBytesMax = 10;
constexpr std::size_t kNumbersMax = 20;

std::uint64_t zigzag(std::uint64_t bits) {
    return (bits << 1) ^ (0 - (bits >> 63));
}
std::uint64_t unzigzag(std::uint64_t value) {
    return (value >> 1) ^ (0 - (value & 1));
}

/// Appends numbers to a small buffer first: one append to the string instead of one a byte.
class NumberWriter {
  public:
    void put(std::uint64_t value) {
        while (value >= 0x80) {
            buffer_[size_++] = static_cast<char>(value | 0x80);
            value >>= 7;
        }
        buffer_[size_++] = static_cast<char>(value);
    }
    std::string_view view() const { return {buffer_, size_}; }

  private:
    char buffer_[kNumberBytesMax * kNumbersMax];
    std::size_t size_ = 0;
};

/// Once anything is wrong it stays so, and numbers read as 0.
class Reader {
  public:
    explicit Reader(std::string_view data) : at_(data.data()), end_(data.data() + data.size()) {}

    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; at_ != end_ && shift < 64; shift += 7) {
            auto byte = static_cast<std::uint8_t>(*at_++);
            if (shift == 63 && byte > 1) break;
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        ok_ = false;
        at_ = end_;
        return 0;
    }
    std::uint32_t number_below(std::uint64_t end) {
        std::uint64_t value = number();
        if (value >= end) ok_ = false;
        return static_cast<std::uint32_t>(value);
    }
    std::uint32_t number32() { return number_below(std::uint64_t{1} << 32); }
    std::string_view bytes(std::uint64_t size) {
        if (size > static_cast<std::uint64_t>(end_ - at_)) {
            ok_ = false;
            return {};
        }
        const char* begin = at_;
        at_ += size;
        return {begin, static_cast<std::size_t>(size)};
    }
    std::string_view rest() { return bytes(static_cast<std::uint64_t>(end_ - at_)); }
    bool ok() const { return ok_; }

  private:
    const char* at_;
    const char* end_;
    bool ok_ = true;
};

bool is_file_type(std::uint64_t value) {
    return value < 0x80 &&
           std::string_view("fdlpcbs").find(static_cast<char>(value)) != std::string_view::npos;
}

}  // namespace

void pack_version(const FileStat& stat, std::string_view link_target, const Digest& sha256,
                  std::string_view metadata, const Location& location, VersionFlags flags, std::string& out) {
    bool has_digest = !sha256.empty();
    bool has_device = stat.rdev_major != 0 || stat.rdev_minor != 0;
    auto mtime_sec = static_cast<std::uint64_t>(stat.mtime.sec);
    NumberWriter numbers;
    numbers.put(static_cast<std::uint8_t>(stat.type));
    numbers.put((flags.sparse ? kSparse : 0) | (flags.racy ? kRacy : 0) | (flags.coarse ? kCoarse : 0) |
                (has_digest ? kDigest : 0) | (has_device ? kDevice : 0));
    numbers.put(stat.mode);
    numbers.put(stat.uid);
    numbers.put(stat.gid);
    numbers.put(stat.size);
    numbers.put(zigzag(mtime_sec));
    numbers.put(stat.mtime.nsec);
    numbers.put(zigzag(static_cast<std::uint64_t>(stat.ctime.sec) - mtime_sec));
    numbers.put(stat.ctime.nsec);
    numbers.put(stat.ino);
    numbers.put(stat.nlink);
    numbers.put(location.run);
    numbers.put(location.volume);
    numbers.put(location.offset);
    numbers.put(location.length_bytes);
    if (has_device) {
        numbers.put(stat.rdev_major);
        numbers.put(stat.rdev_minor);
    }
    out.assign(numbers.view());
    if (has_digest) out += sha256.view();
    NumberWriter length;
    length.put(link_target.size());
    out += length.view();
    out += link_target;
    out += metadata;
}

bool unpack_version(std::string_view packed, Entry& entry) {
    Reader in(packed);
    std::uint64_t type = in.number();
    if (!is_file_type(type)) return false;
    std::uint64_t flags = in.number();
    FileStat& stat = entry.stat;
    stat.type = static_cast<FileType>(type);
    stat.mode = in.number_below(010000);
    stat.uid = in.number32();
    stat.gid = in.number32();
    stat.size = in.number();
    std::uint64_t mtime_sec = unzigzag(in.number());
    stat.mtime = {static_cast<std::int64_t>(mtime_sec), in.number_below(kNanosecondsEnd)};
    std::uint64_t ctime_sec = unzigzag(in.number()) + mtime_sec;
    stat.ctime = {static_cast<std::int64_t>(ctime_sec), in.number_below(kNanosecondsEnd)};
    stat.ino = in.number();
    stat.nlink = in.number32();
    entry.location.run = in.number32();
    entry.location.volume = in.number32();
    entry.location.offset = in.number();
    entry.location.length_bytes = in.number();
    stat.rdev_major = (flags & kDevice) != 0 ? in.number32() : 0;
    stat.rdev_minor = (flags & kDevice) != 0 ? in.number32() : 0;
    if ((flags & kDigest) != 0) {
        std::string_view raw = in.bytes(entry.sha256.bytes.size());
        if (!in.ok()) return false;
        entry.sha256 = Digest::from_bytes(raw);
    } else {
        entry.sha256 = {};
    }
    entry.link_target = in.bytes(in.number());
    entry.metadata = in.rest();
    entry.sparse = (flags & kSparse) != 0;
    entry.racy = (flags & kRacy) != 0;
    entry.coarse = (flags & kCoarse) != 0;
    return in.ok() && flags < 32;
}

}  // namespace icecore::catalog
