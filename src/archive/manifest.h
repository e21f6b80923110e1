#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "archive/volume.h"
#include "base/file.h"
#include "base/file_stat.h"
#include "base/hash.h"

namespace icecore::archive {

constexpr int kManifestMajor = 1;
constexpr int kManifestMinor = 3;

enum class RunKind : char { full = 'f', incremental = 'i' };

/// Where a file's content stands: a run's archive and the bytes of the member in its tar stream.
struct Location {
    std::uint32_t run = 0;  ///< 0: it has none (directories keep 0)
    std::uint32_t volume = 0;
    std::uint64_t offset = 0;        ///< of the member's first header block, in that volume's tar stream
    std::uint64_t length_bytes = 0;  ///< headers, content and padding; may go on into the next volumes
    bool operator==(const Location&) const = default;
};

/// What is particular about an archive that another program made and adopt took over (doc/format.md,
/// "Adopted archives").
struct AdoptedArchive {
    std::string name;    ///< that its file had
    std::string root;    ///< path of the data directory's member; "": "./"
    std::string damage;  ///< why not all of it could be read; empty: all could
    bool operator==(const AdoptedArchive&) const = default;
};

/// First line of a manifest.
struct ManifestHeader {
    std::string set;
    std::string host;
    std::uint32_t run = 0;
    RunKind kind = RunKind::full;
    std::uint32_t parent = 0;  ///< the run this one is incremental on; 0 for a full one
    /// Name of the parent's volume 0: other runs of that number may exist elsewhere. Empty: a full run, or
    /// the program that wrote it did not say.
    std::string parent_archive;
    std::uint32_t chain = 0;  ///< the chain's full run
    Timestamp started;
    std::string program;       ///< program version
    std::string archive_name;  ///< name of volume 0
    Compression compression;
    std::string reason;  ///< why full, or empty
    /// The run was stopped before its end, and a later one closed its archive: its tree is the parent's with
    /// a part of the changes (full: a part of the tree).
    bool interrupted = false;
    std::optional<AdoptedArchive> adopted = std::nullopt;
    ArchiveForm form() const { return {compression.method, !adopted}; }
    bool operator==(const ManifestHeader&) const = default;
};

/// A name that an earlier run recorded was renamed or moved: `from` in the parent run's tree, `to` in this
/// run's. All renames of a run happen at once.
struct ManifestRename {
    std::string from;
    std::string to;
    bool operator==(const ManifestRename&) const = default;
};

/// A name that is gone (a directory: with all below it). The path is valid after the renames.
struct ManifestDelete {
    std::string path;
    bool operator==(const ManifestDelete&) const = default;
};

/// A directory that tar's extractor makes anew, because it cannot take attributes away (doc/format.md,
/// "Attributes"). Neither a rename nor a deletion: only who closes the archive of an interrupted run needs to
/// know.
struct ManifestAnew {
    std::string path;
    bool operator==(const ManifestAnew&) const = default;
};

/// How an entry's content is stored.
enum class Stored : char {
    none = 'n',    ///< nothing to store: directories, symbolic links, devices, fifos
    whole = 'w',   ///< in this archive
    sparse = 's',  ///< in this archive, holes left out
    link = 'h',    ///< as a hard link to `link_path`, which tells all but the stat fields
    earlier =
        'e',  ///< unchanged content in the archive of `location.run`; only what is recorded here changed
};

/// A name of this run's tree that is new or differs from the parent run's (in a full run: every name).
struct ManifestEntry {
    std::string path;         ///< relative to the data directory; "" is the root
    FileStat stat;            ///< dev, allocated_bytes, nodump, mount_root are not stored
    std::string link_target;  ///< symbolic links
    std::string link_path;    ///< Stored::link
    Digest sha256;            ///< regular files
    Metadata metadata;
    Stored stored = Stored::none;
    Location location;
    bool racy = false;      ///< changed so shortly before it was read that equal times prove nothing
    bool unstable = false;  ///< never held still while it was read
    bool coarse = false;    ///< mtime has no fraction because the archive's format has none
    bool operator==(const ManifestEntry&) const;
};

/// Frame sizes of one volume, written when it is sealed.
struct ManifestFrames {
    std::uint32_t volume = 0;
    std::vector<FrameSize> frames;
    bool operator==(const ManifestFrames&) const = default;
};

/// A file or directory that could not be backed up.
struct ManifestError {
    std::string path;
    std::string message;
    bool operator==(const ManifestError&) const = default;
};

/// Totals of a run, for list, log and mail.
struct RunCounts {
    std::uint64_t files = 0;        ///< entries in the tree that are not directories
    std::uint64_t directories = 0;  ///< in the tree
    std::uint64_t added = 0;        ///< entries that are not directories, and so on
    std::uint64_t changed = 0;
    std::uint64_t deleted = 0;
    std::uint64_t renamed = 0;  ///< files and directories
    std::uint64_t excluded = 0;
    std::uint64_t errors = 0;
    std::uint64_t tree_bytes = 0;    ///< sum of the sizes of all files in the tree
    std::uint64_t read_bytes = 0;    ///< content read
    std::uint64_t stored_bytes = 0;  ///< all volumes
    bool operator==(const RunCounts&) const = default;
};

/// Last line: without it the manifest is incomplete.
struct ManifestTrailer {
    Timestamp finished;
    RunCounts counts;
    std::vector<VolumeInfo> volumes;
    bool operator==(const ManifestTrailer&) const = default;
};

/// A line VolumeInfo stands right after its volume's frames; the trailer repeats them all.
using ManifestLine = std::variant<ManifestHeader, ManifestRename, ManifestDelete, ManifestAnew, ManifestEntry,
                                  ManifestFrames, VolumeInfo, ManifestError, ManifestTrailer>;

/// Writes a manifest: JSON lines through zstd, in the order of calls (header first, trailer last), sealed
/// durably by `seal`. One thread at a time.
class ManifestWriter {
  public:
    ManifestWriter(FileSystem& fs, const std::string& dir, const std::string& name);
    ~ManifestWriter();
    void write(const ManifestLine& line);
    void write(const ManifestEntry& entry);  ///< the hot path, no variant
    /// Makes all lines so far durable under the temporary name, and leaves that file behind if the run is
    /// stopped: it tells the next one what the volumes that were sealed hold.
    void checkpoint();
    void seal();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Reads a manifest line by line. Unknown keys and unknown line types of the same major version are ignored.
/// Throws Error{unsupported} for a newer major version, Error{corrupt} naming the line for anything
/// malformed, hostile (paths with "..", empty components or a leading slash; numbers out of range) or
/// incomplete (no trailer at the end).
class ManifestReader {
  public:
    /// `may_be_cut`: what an interrupted run left. The lines before the cut come, then nullopt; a file that
    /// ends before its header is still Error{corrupt}.
    enum class Expect : std::uint8_t { whole, may_be_cut };
    explicit ManifestReader(const std::string& path, Expect expect = Expect::whole);
    ~ManifestReader();
    /// nullopt after the trailer.
    std::optional<ManifestLine> next();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Encodes one line (with its newline); parses one line. Both are used by the classes above and by tests and
/// fuzzers.
std::string encode_manifest_line(const ManifestLine& line);
std::optional<ManifestLine> parse_manifest_line(std::string_view line);

}  // namespace icecore::archive
