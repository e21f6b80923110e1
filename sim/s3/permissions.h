#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/s3/call.h"

namespace icecore::sim::s3 {

/// What `operation` needs to be allowed. DeleteObjects needs nothing by itself, but an object deletion each.
std::vector<PolicyRequest> permissions_of(std::string_view operation, const Call& call);
/// To delete an object, or a version of it.
PolicyRequest permission_to_delete(const Call& call, const std::string& key, bool version);
/// To delete or weaken what governance protects.
PolicyRequest permission_to_bypass(const Call& call, const std::string& key);
PolicyRequest permission_to_list(const Call& call);

/// Takes the headers that tell of a lock out of an answer to whoever may not see them. Needs the lock.
void hide_lock(const Service& service, const Call& call, Response& response);
/// Throws ApiError{403 AccessDenied} in the words of AWS unless the caller may do this. Needs the lock.
void check_allowed(const Service& service, const Call& call, const PolicyRequest& request);
bool is_allowed(const Service& service, const Call& call, const PolicyRequest& request);

}  // namespace icecore::sim::s3
