#include "archive/seek_table.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "archive/volume_bytes.h"
#include "base/error.h"
#include "base/format.h"

// The model. Both tables are a list of 8-byte entries (stored bytes, raw bytes: u32 little endian) in a
// wrapper that the method's decompressors skip, with a tail of fixed size at the very end of the file from
// which a reader learns the number of frames and so where everything lies:
//
//   zstd   [magic size] entries… [frames descriptor magic]
//   gzip   [member: up to 8191 entries]… [member: frames, bytes of the whole index]
//
// Everything but the entries is a function of the number of frames. So a reader takes the number from the
// tail, and accepts the table only if it is, but for the entries, byte for byte what a writer would have made
// of that number.

namespace icecore::archive {
namespace {

constexpr std::size_t kEntryBytes = 8;

// zstd, contrib/seekable_format/zstd_seekable_compression_format.md
constexpr std::uint32_t kSkippableMagic = 0x184D2A5E;
constexpr std::uint32_t kSeekableMagic = 0x8F92EAB1;
constexpr std::size_t kZstdHeadBytes = 8;
constexpr std::size_t kZstdTailBytes = 9;

// gzip, RFC 1952. "\x1f\x8b", deflate, FEXTRA, mtime 0, no extra flags, unknown system; then XLEN, "IC", LEN;
// then the payload; then the empty deflate stream, CRC-32 0, ISIZE 0.
constexpr std::string_view kGzipStart("\x1f\x8b\x08\x04\0\0\0\0\0\xff", 10);
constexpr std::string_view kGzipEnd("\x03\0\0\0\0\0\0\0\0\0", 10);
constexpr std::size_t kGzipHeadBytes = kGzipStart.size() + 6;
constexpr std::size_t kGzipMemberBytes = kGzipHeadBytes + kGzipEnd.size();
constexpr std::size_t kGzipEntriesMax =
    (65535 - 4) / kEntryBytes;  // XLEN holds the subfield's 4-byte head too
constexpr std::size_t kGzipTailPayloadBytes = 8;
constexpr std::size_t kGzipTailBytes = kGzipMemberBytes + kGzipTailPayloadBytes;

[[noreturn]] void corrupt(std::string message) {
    throw Error(Error::Kind::corrupt, std::move(message));
}

void put_u16(std::string& out, std::size_t value) {
    out += static_cast<char>(value & 0xff);
    out += static_cast<char>(value >> 8 & 0xff);
}

void put_u32(std::string& out, std::uint64_t value) {
    put_u16(out, value & 0xffff);
    put_u16(out, value >> 16 & 0xffff);
}

std::uint32_t get_u32(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value |= std::uint32_t{static_cast<std::uint8_t>(bytes[at + i])} << (8 * i);
    return value;
}

void begin_gzip_member(std::string& out, std::size_t payload_bytes) {
    out += kGzipStart;
    put_u16(out, payload_bytes + 4);
    out += "IC";
    put_u16(out, payload_bytes);
}

/// The table of `n` frames; `put_entry(out, i)` appends entry i (8 bytes).
template <typename PutEntry>
std::string build_table(Compression::Method method, std::size_t n, PutEntry put_entry) {
    std::string out;
    if (method == Compression::Method::none) return out;
    std::uint64_t table_bytes = seek_table_bytes(method, n);
    out.reserve(table_bytes);
    if (method == Compression::Method::zstd) {
        put_u32(out, kSkippableMagic);
        put_u32(out, table_bytes - kZstdHeadBytes);
        for (std::size_t i = 0; i < n; ++i) put_entry(out, i);
        put_u32(out, n);
        out += '\0';  // descriptor: no checksums
        put_u32(out, kSeekableMagic);
        return out;
    }
    for (std::size_t first = 0; first < n; first += kGzipEntriesMax) {
        std::size_t end = std::min(n, first + kGzipEntriesMax);
        begin_gzip_member(out, (end - first) * kEntryBytes);
        for (std::size_t i = first; i < end; ++i) put_entry(out, i);
        out += kGzipEnd;
    }
    begin_gzip_member(out, kGzipTailPayloadBytes);
    put_u32(out, n);
    put_u32(out, table_bytes);
    out += kGzipEnd;
    return out;
}

/// Where entry `i` stands in the table.
std::size_t entry_offset(Compression::Method method, std::size_t i) {
    if (method == Compression::Method::zstd) return kZstdHeadBytes + i * kEntryBytes;
    return (i / kGzipEntriesMax) * kGzipMemberBytes + kGzipHeadBytes + i * kEntryBytes;
}

std::string read_exactly(const VolumeBytes& volume, std::uint64_t offset, std::size_t bytes) {
    std::string data(bytes, '\0');
    if (volume.read(data.data(), bytes, offset) != bytes) corrupt("the file ended while its index was read");
    return data;
}

/// Number of frames according to the table's tail.
std::size_t read_frame_count(Compression::Method method, const VolumeBytes& volume) {
    std::uint64_t volume_bytes = volume.size_bytes();
    bool zstd = method == Compression::Method::zstd;
    std::size_t tail_bytes = zstd ? kZstdTailBytes : kGzipTailBytes;
    std::size_t count_at = zstd ? 0 : kGzipHeadBytes;
    if (volume_bytes < tail_bytes) corrupt("there is no frame index at its end");
    std::size_t frames = get_u32(read_exactly(volume, volume_bytes - tail_bytes, tail_bytes), count_at);
    if (frames == 0 || frames > kVolumeFramesMax || seek_table_bytes(method, frames) > volume_bytes)
        corrupt("there is no frame index at its end");
    return frames;
}

void check_entry(const FrameSize& frame, std::size_t i) {
    if (frame.raw_bytes == 0 || frame.raw_bytes > kFrameBytesMax || frame.stored_bytes == 0 ||
        frame.stored_bytes > stored_bytes_max(frame.raw_bytes))
        corrupt(format("the frame index is damaged: frame {} of {} stored and {} raw bytes", i,
                       frame.stored_bytes, frame.raw_bytes));
}

/// Without compression there is no table: any steps do.
std::vector<FrameSize> plain_steps(std::uint64_t volume_bytes) {
    std::vector<FrameSize> frames;
    if (volume_bytes == 0) corrupt("it is empty");
    if (volume_bytes > kVolumeFramesMax * kFrameBytesMax) corrupt("it is larger than a volume can be");
    frames.reserve(volume_bytes / kFrameBytesMax + 1);
    for (std::uint64_t left = volume_bytes; left > 0;) {
        auto step = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kFrameBytesMax));
        frames.push_back({step, step});
        left -= step;
    }
    return frames;
}

}  // namespace

std::uint64_t seek_table_bytes(Compression::Method method, std::size_t frames) {
    switch (method) {
        case Compression::Method::none:
            return 0;
        case Compression::Method::zstd:
            return kZstdHeadBytes + frames * kEntryBytes + kZstdTailBytes;
        case Compression::Method::gzip:
            break;
    }
    std::size_t members = (frames + kGzipEntriesMax - 1) / kGzipEntriesMax;
    return members * kGzipMemberBytes + frames * kEntryBytes + kGzipTailBytes;
}

std::string encode_seek_table(Compression::Method method, const std::vector<FrameSize>& frames) {
    CHECK(method == Compression::Method::none || (!frames.empty() && frames.size() <= kVolumeFramesMax));
    return build_table(method, frames.size(), [&](std::string& out, std::size_t i) {
        put_u32(out, frames[i].stored_bytes);
        put_u32(out, frames[i].raw_bytes);
    });
}

std::vector<FrameSize> read_seek_table(Compression::Method method, const VolumeBytes& volume) {
    std::uint64_t volume_bytes = volume.size_bytes();
    if (method == Compression::Method::none) return plain_steps(volume_bytes);
    std::size_t count = read_frame_count(method, volume);
    std::uint64_t table_bytes = seek_table_bytes(method, count);
    std::string table = read_exactly(volume, volume_bytes - table_bytes, table_bytes);
    std::string expected = build_table(method, count, [&](std::string& out, std::size_t i) {
        out.append(table, entry_offset(method, i), kEntryBytes);
    });
    if (table != expected) corrupt("the frame index at its end is damaged");

    std::vector<FrameSize> frames;
    frames.reserve(count);
    std::uint64_t total_bytes = table_bytes;
    for (std::size_t i = 0; i < count; ++i) {
        std::size_t at = entry_offset(method, i);
        frames.push_back({get_u32(table, at), get_u32(table, at + 4)});
        check_entry(frames.back(), i);
        total_bytes += frames.back().stored_bytes;
    }
    if (total_bytes != volume_bytes)
        corrupt(format("the frame index is damaged: it describes {} bytes, the file has {}", total_bytes,
                       volume_bytes));
    return frames;
}

std::vector<FrameSize> scan_frames(Compression::Method method, const VolumeBytes& volume) {
    constexpr std::size_t kFrameMax = stored_bytes_max(kFrameBytesMax);
    constexpr std::size_t kWindowBytes = 4 * kFrameMax;
    auto window = std::make_unique_for_overwrite<char[]>(kWindowBytes);
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint64_t next = 0;  // offset of what follows the window
    std::vector<FrameSize> frames;
    while (frames.size() < kVolumeFramesMax) {
        if (end - begin < kFrameMax) {
            std::memmove(window.get(), window.get() + begin, end - begin);
            end -= begin;
            begin = 0;
            std::size_t n = volume.read(window.get() + end, kWindowBytes - end, next);
            end += n;
            next += n;
        }
        std::optional<FrameSize> frame =
            measure_frame(method, {window.get() + begin, std::min(end - begin, kFrameMax)});
        if (!frame) break;
        frames.push_back(*frame);
        begin += frame->stored_bytes;
    }
    return frames;
}

}  // namespace icecore::archive
