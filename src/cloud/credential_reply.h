#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/credentials.h"
#include "cloud/http.h"

namespace icecore::cloud {

/// {"AccessKeyId", "SecretAccessKey", "SessionToken" or "Token", "Expiration"}, as processes and services
/// give them. `what` names the source in errors. Throws Error{denied}, never with a value, but with Code and
/// Message where the reply has these instead. At most 64 KiB are looked at.
Credentials parse_credentials_json(std::string_view text, std::string_view what);

/// The answer of STS to AssumeRoleWithWebIdentity (AWS STS API Reference). Throws Error: denied, or transient
/// where it is worth another try.
Credentials parse_sts_reply(const HttpResponse& response, std::string_view role_arn);

/// ISO 8601 with "Z" or an offset such as "+02:00".
std::optional<Timestamp> parse_expiration(std::string_view text);

/// Throws Error{denied} for what cannot be the value of an HTTP header (control characters, non-ASCII).
void check_header_value(std::string_view value, std::string_view what);

}  // namespace icecore::cloud
