#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cloud/credentials.h"

namespace icecore::cloud {

/// The words of a command line, as a POSIX shell would split it (quotes and backslashes; nothing is
/// expanded). Throws Error{invalid} for a quote that is not closed.
std::vector<std::string> split_words(std::string_view command);

/// Runs `command` (no shell) and reads the credentials that it prints as JSON (AWS SDKs reference, "Process
/// credential provider"). Throws Error{denied} with what the program said on stderr, but never with what it
/// printed. A program that takes longer than `limit_ms` is ended.
Credentials run_credential_process(const std::string& command, std::int64_t limit_ms = 60'000);

/// {"AccessKeyId", "SecretAccessKey", "SessionToken" or "Token", "Expiration"}, as processes and services
/// give them. `what` names the source in errors. Throws Error{denied}.
Credentials parse_credentials_json(std::string_view text, std::string_view what);

}  // namespace icecore::cloud
