#pragma once

#include "base/file_stat.h"

namespace icecore {

/// Extended attributes (all namespaces that listxattr(2) shows) and POSIX ACLs of an open file or directory.
///
/// Attributes that vanish while being read are skipped; a file system without them gives an empty Metadata.
/// ACLs that say no more than the mode bits are left out. Throws Error for any other failure. Thread-safe.
Metadata read_metadata(int fd);

/// The same for the symbolic link `name` (or any other file that must not be opened) in the open directory
/// `dir`.
Metadata read_metadata_at(int dir, const char* name);

/// Sets xattrs and ACLs on an open file or directory. Returns false if anything could not be set for want of
/// privilege or support (reported by the caller once, not per file); throws Error for other failures.
bool apply_metadata(int fd, const Metadata& metadata);

/// The same for `name` in the open directory `dir`, not following a symbolic link.
bool apply_metadata_at(int dir, const char* name, const Metadata& metadata);

/// Removes from an open file or directory what `keep` has no attribute or ACL of that name for. Labels that a
/// security module gave it (security.*, but for security.capability) stay. Returns false if anything could
/// not be removed for want of privilege; throws Error for other failures.
bool remove_other_metadata(int fd, const Metadata& keep);

/// Whether what is made in the open directory inherits an ACL from it.
bool has_default_acl(int dir);

/// A compact, reversible form for the catalogue; empty for an empty Metadata.
std::string encode_metadata(const Metadata& metadata);
/// Undoes encode_metadata. Throws Error{corrupt}.
Metadata decode_metadata(std::string_view blob);

}  // namespace icecore
