#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/frame.h"
#include "archive/tar_member.h"
#include "archive/volume.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "engine/data_source.h"
#include "engine/environment.h"
#include "engine/plan.h"

namespace icecore::engine {

/// The directory that files of a batch lie in: shared by its items, so that it is opened once a batch.
struct PackDirectory {
    std::string path;      ///< in the tree
    std::string tar_name;  ///< in the archive, with the final slash ("./", "./a/b/")
};

struct LargeFile;
struct MadeMember;

/// One member to be.
struct PackItem {
    enum class Kind : std::uint8_t {
        directory,
        file,       ///< store or check
        hard_link,  ///< to `link_path`
        record,     ///< no member: only manifest and catalogue learn of it (kept or renamed)
        station,    ///< a symbolic link that makes deep paths short (deep units)
    };
    Kind kind = Kind::file;
    std::shared_ptr<const PackDirectory> directory;
    PlannedDirectory planned_directory;
    PlannedFile file;
    std::string link_path;       ///< hard_link: path in the tree; station: target
    bool silent = false;         ///< no entry: the member is a repetition
    bool keep_position = false;  ///< other names link to it: its member must not be written twice
    Fd fd;                       ///< a large file's, once it is opened
    std::string problem;         ///< it could not be opened: no member
    bool harmless = false;       ///< the problem costs nothing: it is gone
    unsigned attempt = 0;
    std::uint64_t read_bytes = 0;      ///< to find that it is a mere record
    std::shared_ptr<MadeMember> made;  ///< file: its member is made already
    std::shared_ptr<LargeFile> large;  ///< file: opened for chunks already
};

/// What became of an item.
struct PackOutcome {
    bool has_entry = false;
    archive::ManifestEntry entry;  ///< location filled in by the writer
    std::size_t raw_offset = 0;    ///< of the member in the batch's tar bytes
    std::size_t raw_length = 0;    ///< 0: no member
    Change change = Change::none;
    bool metadata_only = false;
    std::uint64_t old_size_bytes = 0;
    std::uint64_t read_bytes = 0;
    std::string problem;
    bool harmless = false;  ///< the problem costs nothing that could have been saved: told, but no error
    std::unique_ptr<PackItem> again;  ///< to be packed again as a large file
};

/// The member of a small file, made ahead of its batch.
struct MadeMember {
    Buffer raw;
    PackOutcome outcome;
};

/// A large file on its way through the pipeline, in chunks of one frame each.
struct LargeFile {
    PackItem item;
    FileStat stat;
    Timestamp read_started;
    std::string header;
    std::string sparse_map;  ///< the part of the header that belongs to the digest
    Metadata metadata;
    bool sparse = false;
    std::vector<archive::SparseRegion> regions;  ///< what is read: all of it, or the data regions
    std::uint64_t content_bytes = 0;
    Sha256 hash;  ///< the writer's
    std::atomic<bool> short_read = false;
    bool problem = false;  ///< it could not be opened: the item says why
    std::atomic<bool> failed = false;
    archive::StreamPosition position;  ///< the writer's
};

/// What goes through the pipeline: small members, or a chunk of a large one.
struct PackBatch {
    std::vector<PackItem> items;
    std::shared_ptr<LargeFile> large;
    std::vector<archive::SparseRegion> pieces;  ///< of the large file
    bool first = false;
    bool last = false;
    bool end_of_archive = false;

    Buffer raw;                      ///< tar bytes
    std::size_t content_offset = 0;  ///< large: where the pieces' bytes stand in raw
    std::size_t content_length = 0;
    struct Frame {
        std::string bytes;
        std::uint32_t raw_bytes = 0;
    };
    std::vector<Frame> frames;
    std::vector<PackOutcome> outcomes;
};

/// Notes in `item` that it cannot be had (errno says why). One that is gone is no loss.
void cannot(PackItem& item, std::string_view doing);

/// The problem of an item that is not of the type any more that the scan saw.
constexpr std::string_view kBecameAnother = "became another type of file while the backup ran";

/// The parallel part of packing: reads files, makes their members, hashes and compresses them. Thread-safe.
class BatchPacker {
  public:
    struct Options {
        DataRoot root;
        unsigned retries = 3;
        Timestamp scan_started;
        std::size_t frame_bytes_max = archive::kFrameBytesMax;
    };
    BatchPacker(const Clock& clock, archive::FrameEncoder& encoder, Options options)
        : clock_(clock), encoder_(encoder), options_(options) {}

    void pack(PackBatch& batch) const;

    /// Opens a large file and makes its header. On failure `problem` is set, the item's too.
    std::shared_ptr<LargeFile> open_large(PackItem item) const;

    /// Makes the member of a file that other names link to (of a large one, its header) before it is
    /// gathered. Tells what it is now; nullopt if there will be no member, or if the name has another file
    /// than the scan saw: nothing may link to it.
    std::optional<FileStat> make_leader(PackItem& item) const;

  private:
    class Builder;
    std::optional<FileStat> make_small_leader(PackItem& item) const;
    std::optional<FileStat> open_large_leader(PackItem& item) const;
    void pack_chunk(PackBatch& batch) const;

    const Clock& clock_;
    archive::FrameEncoder& encoder_;
    Options options_;
};

}  // namespace icecore::engine
