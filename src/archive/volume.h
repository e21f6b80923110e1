#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/frame.h"
#include "archive/tar_reader.h"
#include "archive/volume_bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/stream_hash.h"

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

/// What is known of a volume as it is sealed.
struct SealedVolume {
    VolumeInfo info;
    std::vector<FrameSize> frames;
    PartDigests parts;  ///< where they were asked for
};

struct VolumeOptions {
    Compression::Method method = Compression::Method::zstd;
    std::uint64_t volume_bytes_max = 0;
    std::uint32_t first_volume = 0;  ///< number of the first volume that is written, where those before exist
    std::uint64_t part_bytes = 0;    ///< digests of parts of that size are computed, too; as in StreamHash
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
/// included), sealing each as it fills. Its digests are computed on the way, in one pass. One thread at a
/// time; `fs` must outlive it. Writing and sealing go on in the background, so an error is thrown by a later
/// call than the one whose frame met it, by finish() at the latest, and then by every call. Destroyed
/// unfinished, it leaves the sealed volumes and removes the partial one. Memory: about 16 MiB: frames that
/// wait to be written.
class VolumeWriter {
  public:
    /// Called with each sealed volume: in order, once the volume is durable, from within append() or
    /// finish(). By then frames may have been appended to the next volumes, up to two of them.
    using OnSealed = std::function<void(const SealedVolume&)>;

    VolumeWriter(FileSystem& fs, std::string dir, std::string archive_name, const VolumeOptions& options,
                 OnSealed on_sealed);
    ~VolumeWriter();

    /// Appends one encoded frame of `raw_bytes` and returns where its first byte stands.
    StreamPosition append(std::string frame, std::uint32_t raw_bytes);
    /// Seals the last volume and returns when all are durable and told of. There is at least one frame.
    void finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Reads a sealed volume of which nothing else is known: name and number are as given, all else from the
/// file. Throws Error{corrupt} if its seek table is not whole.
VolumeInfo examine_volume(const std::string& dir, std::string_view archive_name, Compression::Method method,
                          std::uint32_t number);

/// A stream that can go to any place of an archive. One thread at a time.
class ArchiveStream : public ByteSource {
  public:
    /// Goes to another place. Throws Error{corrupt} if the archive has no such place.
    virtual void seek(StreamPosition to) = 0;
    /// What is at hand at this place without another read: a part of its frame, empty only at the archive's
    /// end. Valid until the stream is used again.
    virtual std::string_view peek() = 0;
};

/// How an archive's volumes hold its tar stream: in frames that are found by a seek table, or, adopted from
/// elsewhere, as one stream that can be expanded from its beginning only (doc/format.md, "Adopted archives").
/// Without compression both are the same.
struct ArchiveForm {
    ArchiveForm(Compression::Method how, bool has_frames = true) : method(how), framed(has_frames) {}
    bool is_stream() const { return !framed && method != Compression::Method::none; }

    Compression::Method method;
    bool framed;
};

/// Random access to the tar stream of one archive. Volumes are opened when first needed. Thread-safe.
///
/// In an archive that is one stream, going forward costs expanding what lies between, and going back
/// beginning anew; the places at which streams ended are kept, so that who reads on from near one goes on
/// there.
///
/// Damage costs no more than it hits: a volume that is too short gives the frames it has; one whose seek
/// table is damaged is read by the frame table that `known_frames` has of it, else by walking through it; a
/// frame that the first source does not have, or has damaged, is read from the next.
class ArchiveFile {
  public:
    /// The frame table of a volume from elsewhere (a manifest), or empty. Called under a lock, and at most
    /// once a volume and source.
    using KnownFrames = std::function<std::vector<FrameSize>(std::uint32_t volume)>;

    /// `volumes`: name and sizes as the catalogue has them, in order. `sources`: at least one, tried in
    /// order.
    ArchiveFile(std::vector<VolumeSource> sources, ArchiveForm form, std::vector<VolumeInfo> volumes,
                KnownFrames known_frames = {});
    /// With the volumes in the directory `dir`.
    ArchiveFile(std::string dir, ArchiveForm form, std::vector<VolumeInfo> volumes);
    ~ArchiveFile();

    std::size_t source_count() const;
    /// "volume /b/a.tar.zst": how messages name a volume in a source. Both must be there.
    std::string volume_text(std::uint32_t volume, std::size_t source) const;

    /// Where one can go on when the frame that holds `from` is damaged: the start of the frame after it; the
    /// next volume's if it is the last one, or if the volume cannot be read at all. Never throws for damage.
    StreamPosition next_frame(StreamPosition from) const;

    /// A stream from `from` on, across frames and volumes, to the archive's end. It must not outlive this
    /// object. Sources before `first_source` are not asked. Throws Error{corrupt} if the archive has no such
    /// place. Reading throws Error{not_found} for a volume that is missing, Error{corrupt} for one that is
    /// damaged, with the volume's path (and the frame) in the message; after that it can still seek. Memory:
    /// one frame, stored and expanded.
    std::unique_ptr<ArchiveStream> open_stream(StreamPosition from, std::size_t first_source = 0) const;

    /// Gives up the memory that only makes going on quicker, until the next open_stream.
    void rest() const;

    /// Stored bytes read so far (frames and indexes).
    std::uint64_t stored_bytes_read() const;

    /// Damage that was met and could be helped, at most a few lines a volume: "volume /b/a.tar.zst: the frame
    /// index at its end is damaged (the manifest's was used)".
    std::vector<std::string> remarks() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::archive
