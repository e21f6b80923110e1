#pragma once

#include <optional>
#include <string>

#include "cloud/aws_files.h"
#include "cloud/credentials.h"

namespace icecore::cloud {

/// What web identity needs; empty where it is not set.
struct WebIdentity {
    std::string token_file;
    std::string role_arn;
    std::string session_name;
};

/// Credentials of a role for a token in a file, by STS (AssumeRoleWithWebIdentity). Throws Error: denied,
/// transient.
Credentials assume_web_identity(const CredentialsOptions& options, const WebIdentity& identity,
                                const std::string& region);

/// Credentials that a container's service hands out (ECS, EKS Pod Identity); nullopt if the environment names
/// none. Throws Error: denied (an address that must not be asked), transient.
std::optional<Credentials> container_credentials(const CredentialsOptions& options);

/// Credentials of the machine's role by the instance metadata service, version 2; nullopt where there is
/// none. Throws Error{denied} if it is there and has none for us.
std::optional<Credentials> instance_credentials(const CredentialsOptions& options);

}  // namespace icecore::cloud
