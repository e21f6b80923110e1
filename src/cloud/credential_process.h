#pragma once

#include <cstdint>
#include <string>

#include "cloud/credentials.h"

namespace icecore::cloud {

/// Runs `command` (no shell; words as split_words) and reads the credentials that it prints as JSON (AWS SDKs
/// and Tools Reference Guide, "Process credential provider"). Throws Error{denied} with what the program said
/// on stderr, less what looks like a key, but never with what it printed; Error{invalid} for a
/// command that is none. A program that takes longer than `limit_ms` is killed, and so is one that prints
/// more than 64 KiB. Its stdin is empty. What it leaves running is not waited for.
Credentials run_credential_process(const std::string& command, std::int64_t limit_ms = 60'000);

}  // namespace icecore::cloud
