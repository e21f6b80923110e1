#pragma once

#include <string>
#include <string_view>

namespace icecore {

/// Names of the extended attributes in which Linux shows POSIX ACLs.
constexpr const char* kAccessAclName = "system.posix_acl_access";
constexpr const char* kDefaultAclName = "system.posix_acl_default";

/// The short text form (POSIX.1e, numeric ids, commas: what GNU tar's SCHILY.acl.* holds) of an ACL
/// attribute's value (linux/posix_acl_xattr.h). Throws Error{corrupt}.
std::string acl_text_of(std::string_view value);

/// The attribute's value for an ACL in text form; newlines may stand for commas, names for numeric ids.
/// Throws Error{invalid} if it is no valid ACL.
std::string acl_value_of(const std::string& text);

/// Whether an ACL attribute's value has only the three entries that the mode bits are.
bool is_minimal_acl(std::string_view value);

}  // namespace icecore
