#pragma once

#include <string>

#include "cloud/credentials.h"

namespace icecore::cloud {

/// Credentials, and where they are from.
struct FoundCredentials {
    Credentials credentials;
    std::string source;  ///< "the environment", "profile x"; for messages
    bool of_instance = false;
};

/// Goes through the sources once, in the order that make_credentials_chain names. Throws Error: denied, with
/// all the places where it looked if there are none; transient; invalid. Thread-safe.
FoundCredentials find_credentials(const CredentialsOptions& options);

}  // namespace icecore::cloud
