#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/frame.h"
#include "archive/tar_reader.h"
#include "base/file.h"
#include "base/hash.h"

namespace icecore::archive {

/// A sealed volume: what the manifest's trailer and the catalogue say of it.
struct VolumeInfo {
    std::uint32_t number = 0;        ///< 0, 1, …
    std::string name;                ///< file name
    std::uint64_t stored_bytes = 0;  ///< file size
    std::uint64_t raw_bytes = 0;     ///< tar stream in it
    Digest sha256;
    Digest tree_hash;
    bool operator==(const VolumeInfo&) const = default;
};

/// Name of volume `number` of the archive `archive_name` ("home-000001-full-20261122T031500Z.tar.zst"):
/// itself for 0,
/// ".001", ".002", … ".999", ".1000" … appended after.
std::string volume_name(std::string_view archive_name, std::uint32_t number);

/// A place in an archive's tar stream.
struct StreamPosition {
    std::uint32_t volume = 0;
    std::uint64_t offset = 0;  ///< in that volume's uncompressed stream
    bool operator==(const StreamPosition&) const = default;
};

/// Writes frames one after the other into volumes of at most `volume_bytes_max` stored bytes (index
/// included), sealing each as it fills. SHA-256 and tree hash are computed on the way. One thread at a time;
/// `fs` must outlive it. Writing and sealing go on in the background, so an error is thrown by a later call
/// than the one whose frame met it, by finish() at the latest, and then by every call. Destroyed unfinished,
/// it leaves the sealed volumes and removes the partial one. Memory: about 16 MiB: frames that wait to be
/// written.
class VolumeWriter {
  public:
    /// Called with each sealed volume and its frame sizes: in order, once the volume is durable, from within
    /// append() or finish(). By then frames may have been appended to the next volumes, up to two of them.
    using OnSealed = std::function<void(const VolumeInfo&, const std::vector<FrameSize>&)>;

    VolumeWriter(FileSystem& fs, std::string dir, std::string archive_name, Compression::Method method,
                 std::uint64_t volume_bytes_max, OnSealed on_sealed);
    ~VolumeWriter();

    /// Appends one encoded frame of `raw_bytes` and returns where its first byte stands.
    StreamPosition append(std::string frame, std::uint32_t raw_bytes);
    /// Seals the last volume and returns when all are durable and told of. There is at least one frame.
    void finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Random access to the tar stream of one archive whose volumes lie in `dir`. Volumes are opened when first
/// needed. Thread-safe: reads use pread.
class ArchiveFile {
  public:
    /// `volumes`: name and sizes as the catalogue has them, in order; a volume whose file is missing, has
    /// another size or a broken index raises Error only when it is read.
    ArchiveFile(std::string dir, Compression::Method method, std::vector<VolumeInfo> volumes);
    ~ArchiveFile();

    /// A stream from `from` on, across frames and volumes, to the archive's end. It must not outlive this
    /// object. Throws Error{corrupt} if the archive has no such place. Reading throws Error{not_found} for a
    /// volume whose file is missing, Error{corrupt} for one that is damaged, with the volume's path (and the
    /// frame) in the message. Memory: one frame, stored and expanded.
    std::unique_ptr<ByteSource> open_stream(StreamPosition from) const;

    /// Stored bytes read from disk so far (frames and indexes).
    std::uint64_t stored_bytes_read() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::archive
