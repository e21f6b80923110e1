#pragma once

#include <string>
#include <string_view>

#include "sim/http_message.h"

namespace icecore::sim::s3 {

/// What a request asks for: an operation by its name in the API, and of what.
struct Route {
    std::string_view operation;  ///< empty: S3 has none of that kind
    std::string bucket = {};
    std::string key = {};
};

/// Buckets stand in front of the path, or of the host's name where it ends in ".localhost" or
/// ".amazonaws.com". Throws ApiError for a key that is none.
Route find_route(const Request& request);

}  // namespace icecore::sim::s3
