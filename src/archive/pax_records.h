#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_member.h"

namespace icecore::archive {

/// What pax extended headers say of a member; each record overrides the ustar field (POSIX.1-2017 "pax
/// Extended Header"; GNU tar manual, "Storing Sparse Files"). Unknown keywords are ignored.
struct PaxRecords {
    std::optional<std::string> path;
    std::optional<std::string> link_path;
    std::optional<Timestamp> mtime;
    std::optional<std::uint64_t> size_bytes;
    std::optional<std::uint64_t> uid;
    std::optional<std::uint64_t> gid;
    std::optional<std::string> dumpdir;
    Metadata metadata;  ///< xattrs in the order met; finish_metadata() sorts them
    std::optional<std::string>
        selinux;  ///< RHT.security.selinux, without the NUL that the xattr's value ends with

    std::optional<std::string> sparse_name;
    std::optional<std::uint64_t> sparse_real_size_bytes;
    std::optional<std::uint64_t> sparse_major;
    std::optional<std::uint64_t> sparse_minor;
    std::optional<std::uint64_t> sparse_count;  ///< formats 0.0 and 0.1: length of sparse_map
    std::vector<SparseRegion> sparse_map;       ///< formats 0.0 and 0.1, unchecked
};

/// Adds the records in `text`, the data of one pax header, to `records`. Throws Error{corrupt}.
void parse_pax_records(std::string_view text, PaxRecords& records);

/// The metadata sorted by name, the last of several attributes of one name winning, SELinux label included,
/// attributes that only repeat the ACLs left out.
Metadata finish_metadata(PaxRecords& records);

/// Appends "LENGTH KEY=VALUE\n". `key` must hold no '='.
void append_pax_record(std::string_view key, std::string_view value, std::string& out);
void append_pax_record(std::string_view key, std::uint64_t value, std::string& out);
/// Seconds with a fraction where there is one, as GNU tar writes them: {-2, 500000000} is "-1.5".
void append_pax_record(std::string_view key, Timestamp value, std::string& out);

/// Appends SCHILY.xattr.NAME; '=' and '%' in the name are written %3D and %25, as GNU tar does.
void append_pax_xattr(std::string_view name, std::string_view value, std::string& out);

}  // namespace icecore::archive
