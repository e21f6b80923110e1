#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::archive {

class VolumeBytes;

/// Most uncompressed bytes in one frame.
constexpr std::size_t kFrameBytesMax = 4 << 20;

/// How an archive's frames are compressed. "zstd:3", "gzip:6", "none" in config and manifest.
struct Compression {
    enum class Method : std::uint8_t { none, gzip, zstd };
    Method method = Method::zstd;
    int level = 3;
    bool operator==(const Compression&) const = default;
};
/// Reads "zstd", "zstd:1…19", "gzip", "gzip:1…12", "none". Throws Error{invalid} that says what was expected.
Compression parse_compression(std::string_view text);
std::string to_string(const Compression& compression);
/// ".tar.zst", ".tar.gz", ".tar".
std::string_view archive_suffix(Compression::Method method);

/// Compresses frames independently. Thread-safe: each thread's context is kept for reuse inside.
class FrameEncoder {
  public:
    explicit FrameEncoder(Compression compression);
    ~FrameEncoder();
    /// Replaces `out` by one frame: a zstd frame with content size and checksum, a gzip member, or the bytes
    /// themselves. `raw` holds at most kFrameBytesMax bytes.
    void encode(std::string_view raw, std::string& out);

  private:
    struct Pool;
    Compression compression_;
    std::unique_ptr<Pool> pool_;
};

/// Expands one frame to exactly `out.size()` bytes, at most kFrameBytesMax. Throws Error{corrupt} if it is
/// damaged or expands to anything else; `out` may then hold anything. Thread-safe.
void decode_frame(Compression::Method method, std::string_view frame, std::span<char> out);

/// Sizes of a volume's frames in order.
struct FrameSize {
    std::uint32_t stored_bytes = 0;  ///< in the volume
    std::uint32_t raw_bytes = 0;     ///< of tar stream
    bool operator==(const FrameSize&) const = default;
};

/// The index at the end of a volume, so that one can seek in it with the volume alone (doc/format.md):
/// zstd: the seek table of the zstd seekable format (a skippable frame, magic 0x184D2A5E, footer magic
/// 0x8F92EAB1, no checksums); gzip: empty members whose extra field holds it; none: nothing (empty string).
std::string encode_seek_table(Compression::Method method, const std::vector<FrameSize>& frames);

/// Reads the frame sizes of a volume. For `none` a table of kFrameBytesMax steps. Throws Error{corrupt} when
/// there is no table, it does not add up to the volume's length, or it lies (raw sizes above kFrameBytesMax).
std::vector<FrameSize> read_seek_table(Compression::Method method, const VolumeBytes& volume);

/// The sizes of the frame that `bytes` begin with; nullopt if that is no whole frame of 1 to kFrameBytesMax
/// bytes. A gzip member has to be expanded for that. Not for `none`.
std::optional<FrameSize> measure_frame(Compression::Method method, std::string_view bytes);

/// Walks through a volume from frame to frame, for when its seek table is damaged: the sizes of all frames
/// before the seek table, or the end, or the first damage that hides where the next frame begins. Reads the
/// volume. Memory: some frames. Not for `none`.
std::vector<FrameSize> scan_frames(Compression::Method method, const VolumeBytes& volume);

}  // namespace icecore::archive
