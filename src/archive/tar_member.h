#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_stat.h"

namespace icecore::archive {

constexpr std::size_t kBlockBytes = 512;

/// A region of a sparse file that holds data. Regions are sorted, do not touch, and lie within the file. The
/// length of each but the last is a multiple of kBlockBytes, because GNU tar reads every region from a
/// block's start while other readers take them one after the other: align_regions makes them so.
struct SparseRegion {
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
    bool operator==(const SparseRegion&) const = default;
};

/// Everything a tar header says of one member. Source: POSIX.1-2017 pax "ustar/pax interchange format"; GNU
/// tar manual, "Extensions" and "Storing Sparse Files, PAX Format, Version 1.0".
struct TarMember {
    std::string name;  ///< as in the archive: "./a/b"; directories end in '/' ("./" is the root)
    FileType type = FileType::regular;
    bool hard_link = false;   ///< a link to the earlier (or already extracted) name `link_target`; no data
    std::string link_target;  ///< symbolic: the raw target; hard: a tar name ("./a/b")
    std::uint32_t mode = 0;   ///< 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    Timestamp mtime;
    std::uint32_t rdev_major = 0;
    std::uint32_t rdev_minor = 0;
    std::uint64_t size_bytes = 0;                     ///< regular files: apparent size (sparse ones too)
    std::optional<std::vector<SparseRegion>> sparse;  ///< set: only these regions' bytes follow
    Metadata metadata;
    std::optional<std::string> dumpdir;  ///< directories: encoded Dumpdir
    bool operator==(const TarMember&) const = default;
};

/// Where tar extracts a member, relative to the directory that it extracts in: "./a/b/" → "a/b". Leading
/// slashes and all up to the last ".." are cut.
std::string path_of_member(std::string_view tar_name);

/// Longest dumpdir that is written as a pax record; a longer one makes the member an old type `D` (facts:
/// bsdtar gives up on a pax header over 1 MiB).
constexpr std::size_t kPaxDumpdirBytesMax = (1 << 20) - 4096;

/// Appends the member's header to `out`: the pax extended header if one is needed (a name that is UTF-8 but
/// not ASCII or that ustar cannot hold, numbers that ustar cannot hold, fraction of mtime, xattrs, ACLs,
/// sparse, dumpdir), the ustar header, and, for sparse members, the map padded to a block; for a type `D`
/// member also the dumpdir as data, padded.
///
/// After it come content_bytes(member) of data and padding(content_bytes) zeros. A name over 100 bytes is cut
/// at a '/' into ustar's prefix and name where that fits (busybox knows no pax), and goes to `path`
/// otherwise. Names that are not UTF-8 stand raw in the ustar fields alone if they fit, else raw in
/// `path`/`linkpath`, as GNU tar writes them, without hdrcharset. Numbers beyond ustar's octal digits stand
/// in pax records and, for readers without pax, in base-256. uname and gname stay empty: ids are restored as
/// numbers. The bytes depend on nothing but `member`.
///
/// CHECKs that `name` ends in '/' for directories and for nothing else, that a link has a target, that the
/// member is no socket, and the order of `sparse`.
void append_header(const TarMember& member, std::string& out);

/// Bytes of file content that follow append_header's output: size, or the sum of the sparse regions; 0 if no
/// regular file or a hard link.
std::uint64_t content_bytes(const TarMember& member);

/// `regions` (sorted, not overlapping, within `size_bytes`) widened to whole blocks, those that then touch
/// joined.
std::vector<SparseRegion> align_regions(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes);

/// Zeros that fill `bytes` up to a whole block.
constexpr std::size_t padding(std::uint64_t bytes) {
    return static_cast<std::size_t>((kBlockBytes - bytes % kBlockBytes) % kBlockBytes);
}

/// The two zero blocks that end an archive.
std::string_view end_of_archive();

}  // namespace icecore::archive
