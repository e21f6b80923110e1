#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/http_message.h"

namespace icecore::sim::glacier {

/// Which operation a request asks for, and of what.
struct Route {
    std::string_view operation;  ///< "UploadMultipartPart"
    std::string account;         ///< as in the path: "-" or digits
    std::string vault = {};
    std::string id = {};  ///< of the archive, upload, job or lock
};

/// nullopt for what the API does not have.
std::optional<Route> find_route(const Request& request);

}  // namespace icecore::sim::glacier
