#include "archive/pax_records.h"

#include <algorithm>
#include <charconv>

#include "archive/tar_sparse.h"
#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";
constexpr std::uint32_t kNsecPerSec = 1'000'000'000;

[[noreturn]] void bad_record(std::string_view what) {
    throw Error(Error::Kind::corrupt, format("damaged pax header: {}", what));
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::uint64_t parse_unsigned(std::string_view key, std::string_view value) {
    std::uint64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto result = std::from_chars(value.data(), end, number);
    if (result.ec != std::errc{} || result.ptr != end || number > INT64_MAX) {
        bad_record(format("{} is not a number", key));
    }
    return number;
}

/// Nanoseconds of the digits after the point, and whether anything beyond the ninth was cut.
struct Fraction {
    std::uint32_t nsec = 0;
    bool cut = false;
};

std::optional<Fraction> parse_fraction(std::string_view digits) {
    Fraction fraction;
    std::uint32_t unit = kNsecPerSec / 10;
    for (const char c : digits) {
        if (!is_digit(c)) return std::nullopt;
        fraction.nsec += unit * static_cast<std::uint32_t>(c - '0');
        fraction.cut |= unit == 0 && c != '0';
        unit /= 10;
    }
    return fraction;
}

/// "-1.5" is half a second before -1: fractions count away from zero, and are truncated towards the past.
Timestamp parse_time(std::string_view key, std::string_view value) {
    const auto point = std::min(value.find('.'), value.size());
    Timestamp time;
    const char* const end = value.data() + point;
    const auto result = std::from_chars(value.data(), end, time.sec);
    const auto fraction = parse_fraction(value.substr(std::min(point + 1, value.size())));
    if (result.ec != std::errc{} || result.ptr != end || !fraction) {
        bad_record(format("{} is not a time", key));
    }
    if (value[0] != '-') {
        time.nsec = fraction->nsec;
        return time;
    }
    const std::uint32_t before = fraction->nsec + (fraction->cut ? 1 : 0);
    if (before == 0) return time;
    if (time.sec == INT64_MIN) bad_record(format("{} is out of range", key));
    --time.sec;
    time.nsec = kNsecPerSec - before;
    return time;
}

std::string parse_name(std::string_view key, std::string_view value) {
    if (value.find('\0') != std::string_view::npos) bad_record(format("{} holds a zero byte", key));
    return std::string(value);
}

/// GNU tar writes ACLs one entry a line and star adds the numeric id as a fourth field; ours are one line,
/// ids as numbers.
std::string parse_acl(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(",\n"), text.size());
        std::string_view entry = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        entry = entry.substr(0, entry.find('#'));
        while (!entry.empty() && (entry.back() == ' ' || entry.back() == '\t')) entry.remove_suffix(1);
        while (!entry.empty() && (entry.front() == ' ' || entry.front() == '\t')) entry.remove_prefix(1);
        if (entry.empty()) continue;
        if (!out.empty()) out += ',';
        const auto tag_end = entry.find(':');
        const auto name_end = entry.find(':', std::min(tag_end, entry.size() - 1) + 1);
        const auto id_at = name_end == std::string_view::npos ? name_end : entry.find(':', name_end + 1);
        const bool has_id = id_at != std::string_view::npos && id_at + 1 < entry.size() &&
                            std::ranges::all_of(entry.substr(id_at + 1), is_digit);
        if (!has_id) {
            out += entry;
        } else {
            out.append(entry.substr(0, tag_end + 1)).append(entry.substr(id_at + 1));
            out.append(entry.substr(name_end, id_at - name_end));
        }
    }
    return out;
}

std::string decode_xattr_name(std::string_view encoded) {
    std::string name;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        const auto escape = encoded.substr(i, 3);
        const bool is_escape = escape == "%3D" || escape == "%25";
        name += is_escape ? (escape == "%3D" ? '=' : '%') : encoded[i];
        if (is_escape) i += 2;
    }
    if (name.empty() || name.find('\0') != std::string::npos) bad_record("an attribute has no valid name");
    return name;
}

/// Format 0.0 repeats GNU.sparse.offset and GNU.sparse.numbytes in turn.
void add_sparse_offset(PaxRecords& records, std::uint64_t offset) {
    if (records.sparse_map.size() >= kSparseRegionsMax) bad_record("the sparse map is too long");
    records.sparse_map.push_back({offset, 0});
}

/// Format 0.1: "offset,length,offset,length…".
void parse_sparse_map(PaxRecords& records, std::string_view key, std::string_view value) {
    records.sparse_map.clear();
    bool is_offset = true;
    while (!value.empty()) {
        const auto end = std::min(value.find(','), value.size());
        const auto number = parse_unsigned(key, value.substr(0, end));
        value.remove_prefix(std::min(end + 1, value.size()));
        if (is_offset) {
            add_sparse_offset(records, number);
        } else {
            records.sparse_map.back().length_bytes = number;
        }
        is_offset = !is_offset;
    }
    if (!is_offset) bad_record("the sparse map has an odd number of values");
}

void parse_sparse_record(PaxRecords& records, std::string_view key, std::string_view value) {
    if (key == "GNU.sparse.name") {
        records.sparse_name = parse_name(key, value);
    } else if (key == "GNU.sparse.realsize" || key == "GNU.sparse.size") {
        records.sparse_real_size_bytes = parse_unsigned(key, value);
    } else if (key == "GNU.sparse.major") {
        records.sparse_major = parse_unsigned(key, value);
    } else if (key == "GNU.sparse.minor") {
        records.sparse_minor = parse_unsigned(key, value);
    } else if (key == "GNU.sparse.numblocks") {
        records.sparse_count = parse_unsigned(key, value);
    } else if (key == "GNU.sparse.offset") {
        add_sparse_offset(records, parse_unsigned(key, value));
    } else if (key == "GNU.sparse.numbytes") {
        if (records.sparse_map.empty()) bad_record("GNU.sparse.numbytes without GNU.sparse.offset");
        records.sparse_map.back().length_bytes = parse_unsigned(key, value);
    } else if (key == "GNU.sparse.map") {
        parse_sparse_map(records, key, value);
    }
}

/// An empty value takes an earlier (global) record back, by the standard.
template <typename T, typename Parse>
void assign(std::optional<T>& to, std::string_view key, std::string_view value, Parse parse) {
    if (value.empty()) {
        to.reset();
    } else {
        to = parse(key, value);
    }
}

void apply_record(PaxRecords& records, std::string_view key, std::string_view value) {
    if (key == "path") {
        assign(records.path, key, value, parse_name);
    } else if (key == "mtime") {
        assign(records.mtime, key, value, parse_time);
    } else if (key == "linkpath") {
        assign(records.link_path, key, value, parse_name);
    } else if (key == "size") {
        assign(records.size_bytes, key, value, parse_unsigned);
    } else if (key == "uid") {
        assign(records.uid, key, value, parse_unsigned);
    } else if (key == "gid") {
        assign(records.gid, key, value, parse_unsigned);
    } else if (key.starts_with(kXattrPrefix)) {
        records.metadata.xattrs.emplace_back(decode_xattr_name(key.substr(kXattrPrefix.size())), value);
    } else if (key == "SCHILY.acl.access") {
        records.metadata.acl_access = parse_acl(value);
    } else if (key == "SCHILY.acl.default") {
        records.metadata.acl_default = parse_acl(value);
    } else if (key == "RHT.security.selinux") {
        records.selinux = parse_name(key, value);
    } else if (key == "GNU.dumpdir") {
        records.dumpdir = std::string(value);
    } else if (key == "GNU.volume.offset") {
        throw Error(Error::Kind::unsupported, "a volume of a multi-volume archive, and not the first");
    } else if (key.starts_with("GNU.sparse.")) {
        parse_sparse_record(records, key, value);
    }
}

}  // namespace

void parse_pax_records(std::string_view text, PaxRecords& records) {
    while (!text.empty()) {
        std::size_t length = 0;
        const char* const end = text.data() + text.size();
        const auto result = std::from_chars(text.data(), end, length);
        if (result.ec != std::errc{} || result.ptr == end || *result.ptr != ' ') {
            bad_record("a record does not begin with its length");
        }
        const auto key_at = static_cast<std::size_t>(result.ptr - text.data()) + 1;
        if (length > text.size() || length <= key_at) bad_record("a record's length is wrong");
        if (text[length - 1] != '\n') bad_record("a record does not end with a newline");
        const std::string_view body = text.substr(key_at, length - 1 - key_at);
        const auto equals = body.find('=');
        if (equals == std::string_view::npos) bad_record("a record has no '='");
        apply_record(records, body.substr(0, equals), body.substr(equals + 1));
        text.remove_prefix(length);
    }
}

Metadata finish_metadata(PaxRecords& records) {
    Metadata metadata = std::move(records.metadata);
    auto& xattrs = metadata.xattrs;
    if (records.selinux) {
        // The raw attribute, where there is one too, says it exactly: it comes later and wins.
        xattrs.emplace(xattrs.begin(), "security.selinux", *records.selinux + '\0');
    }
    // GNU tar stores a file's ACLs as attributes too when it is told to keep all of them.
    std::erase_if(xattrs, [&](const auto& xattr) {
        return (xattr.first == "system.posix_acl_access" && !metadata.acl_access.empty()) ||
               (xattr.first == "system.posix_acl_default" && !metadata.acl_default.empty());
    });
    if (xattrs.size() < 2) return metadata;
    std::ranges::stable_sort(xattrs, {}, [](const auto& x) -> const std::string& { return x.first; });
    auto kept = xattrs.begin();
    for (auto next = xattrs.begin() + 1; next != xattrs.end(); ++next) {
        if (next->first != kept->first) ++kept;
        if (kept != next) *kept = std::move(*next);
    }
    xattrs.erase(kept + 1, xattrs.end());
    return metadata;
}

}  // namespace icecore::archive
