#include "archive/tar_member.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "archive/pax_records.h"
#include "archive/tar_sparse.h"
#include "archive/ustar_block.h"
#include "base/error.h"
#include "base/text.h"

namespace icecore::archive {
namespace {

constexpr std::size_t kNameBytesMax = sizeof(UstarBlock::name);
constexpr std::size_t kPrefixBytesMax = sizeof(UstarBlock::prefix);

/// Decisions about one member that both its headers depend on.
struct Plan {
    char type = '0';
    const std::vector<SparseRegion>* sparse = nullptr;  ///< the member's, if it is stored as a sparse file
    const std::string* dumpdir_data = nullptr;  ///< the member's dumpdir, if it goes behind the header
    std::string sparse_name;                    ///< what the ustar header calls a sparse member
    std::size_t prefix_bytes = 0;               ///< of the name, that go to the ustar prefix field
    bool path_record = false;        ///< the ustar header cannot hold the name, or not for all readers
    bool link_record = false;        ///< the same for the link target
    std::uint64_t stored_bytes = 0;  ///< what the size field says: data, or map and data, or dumpdir
};

bool is_ascii(std::string_view text) {
    unsigned char bits = 0;
    for (const char c : text) bits |= static_cast<unsigned char>(c);
    return bits < 0x80;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto length = utf8_sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

/// Whether a name that fits the ustar header needs a record all the same: what is UTF-8 gets one, so that
/// readers know its encoding; any other bytes are best left to the plain field, for bsdtar takes every record
/// for UTF-8.
bool needs_encoding_record(std::string_view text) {
    return !is_ascii(text) && is_utf8(text);
}

/// Bytes of `name` before the slash at which ustar can cut it in two, or 0.
std::size_t find_split(std::string_view name) {
    if (name.size() > kPrefixBytesMax + 1 + kNameBytesMax) return 0;
    const auto slash = name.find('/', name.size() - kNameBytesMax - 1);
    const bool fits = slash <= kPrefixBytesMax && slash + 1 < name.size();  // npos is neither
    return fits ? slash : 0;
}

char type_letter(const TarMember& member) {
    if (member.hard_link) return '1';
    switch (member.type) {
        case FileType::regular:
            return '0';
        case FileType::symlink:
            return '2';
        case FileType::char_device:
            return '3';
        case FileType::block_device:
            return '4';
        case FileType::directory:
            return '5';
        case FileType::fifo:
            return '6';
        case FileType::socket:
            break;
    }
    CHECK(!"a socket cannot be archived");
}

void check_regions(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes) {
    std::uint64_t end = 0;
    for (const auto& region : regions) {
        CHECK(region.length_bytes > 0 && region.offset >= end);
        CHECK(region.offset <= size_bytes && region.length_bytes <= size_bytes - region.offset);
        CHECK(region.length_bytes % kBlockBytes == 0 || &region == &regions.back());
        end = region.offset + region.length_bytes;
    }
}

/// "./a/b" → "./a/GNUSparseFile.0/b": where a reader that does not know sparse members puts the packed file.
std::string make_sparse_name(std::string_view name) {
    const auto slash = name.rfind('/');
    std::string out(slash == std::string_view::npos ? "." : name.substr(0, slash));
    out += "/GNUSparseFile.0/";
    out += slash == std::string_view::npos ? name : name.substr(slash + 1);
    out.resize(std::min(out.size(), kNameBytesMax));
    return out;
}

Plan make_plan(const TarMember& member) {
    const bool is_directory = member.type == FileType::directory && !member.hard_link;
    CHECK(!member.name.empty() && (member.name.back() == '/') == is_directory);
    Plan plan;
    plan.type = type_letter(member);
    plan.stored_bytes = content_bytes(member);
    if (is_directory && member.dumpdir && member.dumpdir->size() > kPaxDumpdirBytesMax) {
        plan.type = 'D';
        plan.dumpdir_data = &*member.dumpdir;
        plan.stored_bytes = plan.dumpdir_data->size();
    }
    if (plan.type == '0' && member.sparse) {
        plan.sparse = &*member.sparse;
        check_regions(*plan.sparse, member.size_bytes);
        const auto map_bytes = sparse_map_bytes(*plan.sparse, member.size_bytes);
        plan.stored_bytes += map_bytes + padding(map_bytes);
        plan.sparse_name = make_sparse_name(member.name);
        return plan;
    }
    if (member.name.size() > kNameBytesMax) {
        // GNU tar honours type D only in its own header format, which has no prefix field.
        plan.prefix_bytes = plan.dumpdir_data != nullptr ? 0 : find_split(member.name);
        plan.path_record = plan.prefix_bytes == 0;
    }
    plan.path_record = plan.path_record || needs_encoding_record(member.name);
    plan.link_record = member.link_target.size() > sizeof(UstarBlock::link_name) ||
                       needs_encoding_record(member.link_target);
    return plan;
}

void append_records(const TarMember& member, const Plan& plan, std::string& out) {
    if (plan.path_record) append_pax_record("path", member.name, out);
    if (plan.link_record) append_pax_record("linkpath", member.link_target, out);
    if (plan.stored_bytes > kOctal11Max) append_pax_record("size", plan.stored_bytes, out);
    if (member.uid > kOctal7Max) append_pax_record("uid", std::uint64_t{member.uid}, out);
    if (member.gid > kOctal7Max) append_pax_record("gid", std::uint64_t{member.gid}, out);
    if (member.mtime.nsec != 0 || member.mtime.sec < 0 || member.mtime.sec > kOctal11Max) {
        append_pax_record("mtime", member.mtime, out);
    }
    const Metadata& metadata = member.metadata;
    if (!metadata.acl_access.empty()) append_pax_record("SCHILY.acl.access", metadata.acl_access, out);
    if (!metadata.acl_default.empty()) append_pax_record("SCHILY.acl.default", metadata.acl_default, out);
    for (const auto& [name, value] : metadata.xattrs) append_pax_xattr(name, value, out);
    if (plan.sparse != nullptr) {
        append_pax_record("GNU.sparse.major", std::uint64_t{1}, out);
        append_pax_record("GNU.sparse.minor", std::uint64_t{0}, out);
        append_pax_record("GNU.sparse.name", member.name, out);
        append_pax_record("GNU.sparse.realsize", member.size_bytes, out);
    }
    if (plan.type == '5' && member.dumpdir) append_pax_record("GNU.dumpdir", *member.dumpdir, out);
}

/// Copies what fits; the block was zero.
template <std::size_t N>
void put_text(char (&field)[N], std::string_view text) {
    std::memcpy(field, text.data(), std::min(N, text.size()));
}

template <std::size_t N>
void put(char (&field)[N], std::int64_t value) {
    put_number(field, N, value);
}

/// Appends the extended header, or nothing if no record is needed.
void append_pax_header(const TarMember& member, const Plan& plan, std::string& out) {
    const std::size_t header_at = out.size();
    out.append(kBlockBytes, '\0');
    append_records(member, plan, out);
    const std::size_t records_bytes = out.size() - header_at - kBlockBytes;
    if (records_bytes == 0) {
        out.resize(header_at);
        return;
    }
    out.append(padding(records_bytes), '\0');

    // The same for every member (all that matters is in the records), so that it costs next to nothing
    // compressed.
    constexpr std::string_view kName = "./PaxHeaders/0";
    UstarBlock block{};
    put_text(block.name, kName);
    put(block.mode, 0644);
    put(block.uid, 0);
    put(block.gid, 0);
    put(block.size, static_cast<std::int64_t>(records_bytes));
    put(block.mtime, 0);
    block.type = 'x';
    put_text(block.magic, kUstarMagic);
    put_checksum(block);
    std::memcpy(out.data() + header_at, &block, sizeof block);
}

void append_ustar_header(const TarMember& member, const Plan& plan, std::string& out) {
    UstarBlock block{};
    if (!plan.sparse_name.empty()) {
        put_text(block.name, plan.sparse_name);
    } else if (plan.prefix_bytes > 0) {
        put_text(block.prefix, std::string_view(member.name).substr(0, plan.prefix_bytes));
        put_text(block.name, std::string_view(member.name).substr(plan.prefix_bytes + 1));
    } else {
        put_text(block.name, member.name);
    }
    put(block.mode, member.mode & 07777);
    put(block.uid, member.uid);
    put(block.gid, member.gid);
    put(block.size, static_cast<std::int64_t>(plan.stored_bytes));
    put(block.mtime, member.mtime.sec);
    block.type = plan.type;
    if (member.hard_link || member.type == FileType::symlink) {
        CHECK(!member.link_target.empty());
        put_text(block.link_name, member.link_target);
    }
    const bool is_device = plan.type == '3' || plan.type == '4';
    put(block.dev_major, is_device ? member.rdev_major : 0);
    put(block.dev_minor, is_device ? member.rdev_minor : 0);
    put_text(block.magic, plan.dumpdir_data != nullptr ? kGnuMagic : kUstarMagic);
    put_checksum(block);
    out.append(reinterpret_cast<const char*>(&block), sizeof block);
}

}  // namespace

std::string path_of_member(std::string_view tar_name) {
    std::string path;
    path.reserve(tar_name.size());
    for (std::size_t at = 0; at < tar_name.size();) {
        std::size_t end = std::min(tar_name.find('/', at), tar_name.size());
        std::string_view component = tar_name.substr(at, end - at);
        at = end + 1;
        if (component.empty() || component == ".") continue;
        if (component == "..")
            path.clear();
        else
            path.append(path.empty() ? "" : "/").append(component);
    }
    return path;
}

void append_header(const TarMember& member, std::string& out) {
    const Plan plan = make_plan(member);
    append_pax_header(member, plan, out);
    append_ustar_header(member, plan, out);
    const std::size_t data_at = out.size();
    if (plan.sparse != nullptr) append_sparse_map(*plan.sparse, member.size_bytes, out);
    if (plan.dumpdir_data != nullptr) out += *plan.dumpdir_data;
    out.append(padding(out.size() - data_at), '\0');
}

std::uint64_t content_bytes(const TarMember& member) {
    if (member.type != FileType::regular || member.hard_link) return 0;
    if (!member.sparse) return member.size_bytes;
    std::uint64_t bytes = 0;
    for (const auto& region : *member.sparse) bytes += region.length_bytes;
    return bytes;
}

std::vector<SparseRegion> align_regions(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes) {
    std::vector<SparseRegion> out;
    for (const auto& region : regions) {
        if (region.length_bytes == 0) continue;
        const std::uint64_t end = region.offset + region.length_bytes;
        const std::uint64_t aligned_begin = region.offset - region.offset % kBlockBytes;
        const std::uint64_t aligned_end = std::min(end + padding(end), size_bytes);
        if (!out.empty() && aligned_begin <= out.back().offset + out.back().length_bytes) {
            out.back().length_bytes = aligned_end - out.back().offset;
        } else {
            out.push_back({aligned_begin, aligned_end - aligned_begin});
        }
    }
    return out;
}

std::string_view end_of_archive() {
    static constexpr std::array<char, 2 * kBlockBytes> kZeros{};
    return {kZeros.data(), kZeros.size()};
}

}  // namespace icecore::archive
