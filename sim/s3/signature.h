#pragma once

#include <optional>
#include <string>

#include "sim/auth.h"
#include "sim/http_message.h"
#include "sim/s3/aws_chunked.h"

namespace icecore::sim::s3 {

/// How far the time of a signature may be off.
inline constexpr std::int64_t kSkewMaxSec = 900;

/// Checks who signed a request, for the region `region` ("" where the request's own will do). Returns what
/// chunks of its body must be signed with. Throws ApiError in S3's words; of a wrong region with the right
/// one.
ChunkSigner check_signature(const Authenticator& authenticator, const Request& request,
                            const std::string& region);

/// The region that the request is signed for; nullopt where it is not signed in a way that can be understood.
std::optional<std::string> signed_region(const Request& request);

}  // namespace icecore::sim::s3
