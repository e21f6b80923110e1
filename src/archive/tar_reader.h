#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_member.h"

namespace icecore::archive {

/// A stream of uncompressed bytes, pulled. One thread at a time.
class ByteSource {
  public:
    virtual ~ByteSource() = default;
    /// Up to `size` bytes into `buffer`; less than asked only at the end, 0 = end. Throws Error.
    virtual std::size_t read(char* buffer, std::size_t size) = 0;
    /// Skips `size` bytes; the default reads them. Throws Error{corrupt} when fewer are left.
    virtual void skip(std::uint64_t size);
};

/// A ByteSource over memory (which must outlive it).
class StringSource final : public ByteSource {
  public:
    explicit StringSource(std::string_view data) : data_(data) {}
    std::size_t read(char* buffer, std::size_t size) override;
    void skip(std::uint64_t size) override;

  private:
    std::string_view data_;
};

struct PaxRecords;
struct UstarBlock;

/// Reads a tar archive member by member: ours, and what GNU tar writes in pax, GNU, ustar and v7 format (long
/// names `L`/`K`, old sparse `S`, dumpdirs `D`, pax sparse 0.0, 0.1 and 1.0, base-256 numbers, global
/// headers). Volume labels
/// (`V`) are passed over; a piece of a file from a multi-volume archive (`M`) is Error{unsupported}; other
/// unknown types are regular files, by the standard.
///
/// Names and link targets come as they stand: absolute ones and ".." are the caller's to refuse. Directories
/// always end in '/'. ACLs are brought into Metadata's form.
///
/// Everything read is hostile until checked: checksums, numbers, lengths (what exceeds the limits is refused;
/// memory is taken only as data arrives), map regions out of order or outside the file. Throws Error{corrupt}
/// saying the offset; after an Error the reader is at no defined place. One thread at a time; the source must
/// outlive the reader.
class TarReader {
  public:
    struct Limits {
        std::uint64_t extended_bytes_max = std::uint64_t{64} << 20;  ///< a pax header or long name
        std::uint64_t dumpdir_bytes_max = std::uint64_t{4} << 30;    ///< of type `D`
        std::size_t sparse_regions_max = std::size_t{16} << 20;
    };

    explicit TarReader(ByteSource& source);
    TarReader(ByteSource& source, const Limits& limits);
    ~TarReader();
    TarReader(const TarReader&) = delete;
    TarReader& operator=(const TarReader&) = delete;

    /// The next member, or nullopt at the end-of-archive blocks (or at a clean end of the source after a
    /// member). What was not read of the last member's content is skipped.
    std::optional<TarMember> next();

    /// Reads content of the current member: for sparse members the regions' bytes one after the other. 0 =
    /// all read. Throws Error{corrupt} when the archive ends inside the content.
    std::size_t read_content(char* buffer, std::size_t size);

    /// Whether the current member's format knows whole seconds only, so that the file's own mtime may have
    /// had a fraction: all but pax.
    bool has_coarse_time() const { return coarse_time_; }

    /// Bytes taken from the source so far: at the return of next() where the member's content starts.
    std::uint64_t offset() const { return offset_; }
    /// Where the current member's first header block (pax header included) started.
    std::uint64_t member_offset() const { return member_offset_; }

  private:
    struct Pending;

    std::optional<TarMember> read_member();
    bool read_header(UstarBlock& block, const Pending& pending);
    bool read_special(const UstarBlock& block, Pending& pending);
    TarMember make_member(const UstarBlock& block, Pending& pending);
    void read_sparse(const UstarBlock& block, Pending& pending, TarMember& member);
    void expect_content(std::uint64_t bytes);
    std::size_t read_some(char* buffer, std::size_t size);
    void read_exactly(char* buffer, std::size_t size);
    void read_padded(std::uint64_t size, std::uint64_t size_max, std::string& out);
    void skip_exactly(std::uint64_t size);

    ByteSource& source_;
    const Limits limits_;
    std::uint64_t offset_ = 0;
    std::uint64_t member_offset_ = 0;
    std::uint64_t content_left_ = 0;
    std::size_t padding_left_ = 0;
    bool at_end_ = false;
    bool coarse_time_ = false;
    std::unique_ptr<PaxRecords> global_;  ///< of the last global header, null if there was none
    std::string buffer_;                  ///< data of the last pax header, kept for its capacity
};

}  // namespace icecore::archive
