#include "archive/tar_reader.h"

#include <algorithm>
#include <cstring>

#include "archive/pax_records.h"
#include "archive/tar_sparse.h"
#include "archive/ustar_block.h"
#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

constexpr std::uint64_t kReadStepBytes = std::uint64_t{1} << 20;

[[noreturn]] void corrupt(std::string message) {
    throw Error(Error::Kind::corrupt, std::move(message));
}

template <std::size_t N>
std::string_view text_of(const char (&field)[N]) {
    return {field, strnlen(field, N)};
}

template <std::size_t N>
std::int64_t number_of(const char (&field)[N], const char* what) {
    const auto number = parse_number({field, N});
    if (!number) corrupt(format("the header's {} is not a number", what));
    return *number;
}

template <std::size_t N>
std::uint64_t size_of(const char (&field)[N], const char* what) {
    const auto number = number_of(field, what);
    if (number < 0) corrupt(format("the header's {} is negative", what));
    return static_cast<std::uint64_t>(number);
}

template <std::size_t N>
std::uint32_t id_of(const std::optional<std::uint64_t>& record, const char (&field)[N], const char* what) {
    const std::uint64_t id = record ? *record : size_of(field, what);
    if (id > UINT32_MAX) corrupt(format("the header's {} is out of range", what));
    return static_cast<std::uint32_t>(id);
}

bool is_zero(const UstarBlock& block) {
    static constexpr UstarBlock kZero{};
    return std::memcmp(&block, &kZero, sizeof block) == 0;
}

std::string ustar_name(const UstarBlock& block) {
    std::string name;
    // Only the standard's own magic: GNU's formats keep other things where the prefix is.
    if (std::memcmp(block.magic, kUstarMagic.data(), 6) == 0 && block.prefix[0] != '\0') {
        name.append(text_of(block.prefix)).append(1, '/');
    }
    return name.append(text_of(block.name));
}

FileType file_type(char type, bool trailing_slash) {
    switch (type) {
        case '1':
            return FileType::regular;
        case '2':
            return FileType::symlink;
        case '3':
            return FileType::char_device;
        case '4':
            return FileType::block_device;
        case '5':
        case 'D':
            return FileType::directory;
        case '6':
            return FileType::fifo;
        case 'S':
            return FileType::regular;
        default:
            return trailing_slash ? FileType::directory : FileType::regular;
    }
}

/// Data follows the header of a regular file and of what old tars call one although its name ends in '/'.
bool has_data(char type) {
    return type == 'D' || type < '1' || type > '6';
}

bool is_pax_sparse(const PaxRecords& records) {
    return records.sparse_major.value_or(0) > 0 || records.sparse_count || !records.sparse_map.empty();
}

}  // namespace

void ByteSource::skip(std::uint64_t size) {
    char buffer[16 * 1024];
    while (size > 0) {
        const auto got = read(buffer, static_cast<std::size_t>(std::min<std::uint64_t>(size, sizeof buffer)));
        if (got == 0) corrupt("the data ends too early");
        size -= got;
    }
}

std::size_t StringSource::read(char* buffer, std::size_t size) {
    size = std::min(size, data_.size());
    if (size > 0) std::memcpy(buffer, data_.data(), size);
    data_.remove_prefix(size);
    return size;
}

void StringSource::skip(std::uint64_t size) {
    if (size > data_.size()) corrupt("the data ends too early");
    data_.remove_prefix(static_cast<std::size_t>(size));
}

/// What the headers before a member's own have said.
struct TarReader::Pending {
    bool any = false;
    bool pax = false;
    PaxRecords records;
    std::optional<std::string> long_name;
    std::optional<std::string> long_link;
};

TarReader::TarReader(ByteSource& source) : TarReader(source, Limits()) {}
TarReader::TarReader(ByteSource& source, const Limits& limits) : source_(source), limits_(limits) {}
TarReader::~TarReader() = default;

std::optional<TarMember> TarReader::next() {
    try {
        skip_exactly(content_left_);
        skip_exactly(padding_left_);
        content_left_ = 0;
        padding_left_ = 0;
        if (at_end_) return std::nullopt;
        member_offset_ = offset_;
        return read_member();
    } catch (Error& error) {
        error.add_context(format("reading the tar member at offset {}", member_offset_));
        throw;
    }
}

std::optional<TarMember> TarReader::read_member() {
    Pending pending;
    UstarBlock block;
    while (read_header(block, pending)) {
        if (!read_special(block, pending)) return make_member(block, pending);
    }
    at_end_ = true;
    return std::nullopt;
}

/// False at the end of the archive.
bool TarReader::read_header(UstarBlock& block, const Pending& pending) {
    const auto block_offset = offset_;
    char bytes[kBlockBytes];
    const auto got = read_some(bytes, sizeof bytes);
    if (got == 0 && offset_ == 0) corrupt("the archive is empty");
    if (got == 0 && !pending.any) return false;
    if (got < sizeof bytes) corrupt("the archive ends inside a header");
    std::memcpy(&block, bytes, sizeof block);
    if (is_zero(block)) {
        if (pending.any) corrupt("an extended header has no member");
        const auto second = read_some(bytes, sizeof bytes);
        std::memcpy(&block, bytes, sizeof block);
        if (second != 0 && (second < sizeof bytes || !is_zero(block))) {
            corrupt(format("a lone zero block at offset {}", block_offset));
        }
        return false;
    }
    if (!checksum_matches(block))
        corrupt(format("the header at offset {} has a wrong checksum", block_offset));
    return true;
}

/// Takes in a header that only prepares the next one; false if `block` is a member's own.
bool TarReader::read_special(const UstarBlock& block, Pending& pending) {
    const std::uint64_t size = block.type == '1' ? 0 : size_of(block.size, "size");
    switch (block.type) {
        case 'x':
        case 'X':
            if (pending.pax) corrupt("a member has two extended headers");
            read_padded(size, limits_.extended_bytes_max, buffer_);
            if (global_) pending.records = *global_;
            parse_pax_records(buffer_, pending.records);
            pending.pax = true;
            break;
        case 'g':
            read_padded(size, limits_.extended_bytes_max, buffer_);
            global_ = std::make_unique<PaxRecords>();
            parse_pax_records(buffer_, *global_);
            return true;
        case 'L':
        case 'K':
            read_padded(size, limits_.extended_bytes_max, buffer_);
            // GNU tar counts the NUL that ends the name.
            (block.type == 'L' ? pending.long_name : pending.long_link) =
                buffer_.substr(0, buffer_.find('\0'));
            break;
        case 'V':
            skip_exactly(size);
            skip_exactly(padding(size));
            return true;
        case 'M':
        case 'N':
            throw Error(Error::Kind::unsupported,
                        format("a tar header of type '{}' (multi-volume or very old GNU tar)", block.type));
        default:
            return false;
    }
    pending.any = true;
    return true;
}

TarMember TarReader::make_member(const UstarBlock& block, Pending& pending) {
    PaxRecords& records = pending.records;
    if (!pending.pax && global_) records = *global_;
    coarse_time_ = !pending.pax && !records.mtime;
    TarMember member;
    member.name = records.sparse_name ? std::move(*records.sparse_name)
                  : records.path      ? std::move(*records.path)
                  : pending.long_name ? std::move(*pending.long_name)
                                      : ustar_name(block);
    if (member.name.empty()) corrupt("the member has no name");
    member.type = file_type(block.type, member.name.back() == '/');
    member.hard_link = block.type == '1';
    while (member.name.size() > 1 && member.name.back() == '/') member.name.pop_back();
    if (member.type == FileType::directory && member.name != "/") member.name += '/';
    if (member.hard_link || member.type == FileType::symlink) {
        member.link_target = records.link_path   ? std::move(*records.link_path)
                             : pending.long_link ? std::move(*pending.long_link)
                                                 : std::string(text_of(block.link_name));
        if (member.link_target.empty()) corrupt("the link has no target");
    }
    member.mode = static_cast<std::uint32_t>(number_of(block.mode, "mode") & 07777);
    member.uid = id_of(records.uid, block.uid, "uid");
    member.gid = id_of(records.gid, block.gid, "gid");
    member.mtime = records.mtime ? *records.mtime : Timestamp{number_of(block.mtime, "mtime"), 0};
    member.metadata = finish_metadata(records);
    if (member.type == FileType::char_device || member.type == FileType::block_device) {
        member.rdev_major = id_of(std::nullopt, block.dev_major, "device number");
        member.rdev_minor = id_of(std::nullopt, block.dev_minor, "device number");
    }

    const std::uint64_t stored = !has_data(block.type) ? 0
                                 : records.size_bytes  ? *records.size_bytes
                                                       : size_of(block.size, "size");
    if (member.type == FileType::directory && records.dumpdir) member.dumpdir = std::move(records.dumpdir);
    if (block.type == 'D' && !member.dumpdir) {
        member.dumpdir.emplace();
        read_padded(stored, limits_.dumpdir_bytes_max, *member.dumpdir);
    } else if (member.type == FileType::regular && (block.type == 'S' || is_pax_sparse(records))) {
        expect_content(stored);
        read_sparse(block, pending, member);
    } else {
        expect_content(stored);
        if (member.type == FileType::regular) member.size_bytes = stored;
    }
    return member;
}

/// Reads the map and leaves the data as content.
void TarReader::read_sparse(const UstarBlock& block, Pending& pending, TarMember& member) {
    PaxRecords& records = pending.records;
    if (block.type == '1') return;
    char bytes[kBlockBytes];
    std::vector<SparseRegion> raw;
    if (block.type == 'S') {
        member.size_bytes = records.sparse_real_size_bytes.value_or(old_gnu_real_size(block));
        bool more = add_old_gnu_regions(block, raw);
        while (more && raw.size() <= limits_.sparse_regions_max) {
            read_exactly(bytes, sizeof bytes);
            more = add_old_gnu_extension({bytes, sizeof bytes}, raw);
        }
    } else if (const auto major = records.sparse_major.value_or(0); major > 0) {
        if (major != 1 || records.sparse_minor.value_or(0) != 0) {
            throw Error(Error::Kind::unsupported, "a sparse member of a newer format than 1.0");
        }
        SparseMapParser parser(limits_.sparse_regions_max);
        for (bool complete = false; !complete;) {
            if (content_left_ < kBlockBytes) corrupt("damaged sparse map: it is longer than the member");
            read_exactly(bytes, sizeof bytes);
            content_left_ -= kBlockBytes;
            complete = parser.add_block({bytes, sizeof bytes});
        }
        raw = parser.take();
    } else {
        raw = std::move(records.sparse_map);
        if (records.sparse_count.value_or(raw.size()) != raw.size())
            corrupt("damaged sparse map: wrong count");
    }
    if (raw.size() > limits_.sparse_regions_max) corrupt("damaged sparse map: too many regions");
    if (block.type != 'S') {
        if (!records.sparse_real_size_bytes) corrupt("a sparse member without its size");
        member.size_bytes = *records.sparse_real_size_bytes;
    }
    member.sparse = checked_regions(raw, member.size_bytes, content_left_);
}

void TarReader::expect_content(std::uint64_t bytes) {
    if (bytes > INT64_MAX) corrupt("the member's size is out of range");
    content_left_ = bytes;
    padding_left_ = padding(bytes);
}

std::size_t TarReader::read_content(char* buffer, std::size_t size) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, content_left_));
    if (size == 0) return 0;
    const auto got = read_some(buffer, size);
    content_left_ -= got;
    if (got < size) {
        corrupt(format("the archive ends inside the content of the tar member at offset {}", member_offset_));
    }
    return got;
}

std::size_t TarReader::read_some(char* buffer, std::size_t size) {
    std::size_t filled = 0;
    while (filled < size) {
        const auto got = source_.read(buffer + filled, size - filled);
        if (got == 0) break;
        filled += got;
    }
    offset_ += filled;
    return filled;
}

void TarReader::read_exactly(char* buffer, std::size_t size) {
    if (read_some(buffer, size) < size) corrupt(format("the archive ends at offset {}", offset_));
}

/// Replaces `out`, growing it only as data arrives, and passes over the padding.
void TarReader::read_padded(std::uint64_t size, std::uint64_t size_max, std::string& out) {
    if (size > size_max) corrupt(format("{} bytes of extended header are too many", size));
    out.clear();
    while (out.size() < size) {
        const auto at = out.size();
        const auto step = static_cast<std::size_t>(std::min(size - at, kReadStepBytes));
        out.resize(at + step);
        read_exactly(out.data() + at, step);
    }
    skip_exactly(padding(size));
}

void TarReader::skip_exactly(std::uint64_t size) {
    if (size == 0) return;
    source_.skip(size);
    offset_ += size;
}

}  // namespace icecore::archive
