#pragma once

#include <string>
#include <string_view>

#include "base/json_document.h"
#include "cloud/glacier_client.h"
#include "cloud/in_reply.h"

namespace icecore::cloud {

/// Reading the JSON of the vault API's answers. All throw Error{corrupt} for what is missing or of another
/// type; null counts as missing.

const Json& require_array(const Json& object, std::string_view key);
/// Empty if it is missing.
std::string optional_text(const Json& object, std::string_view key);
Timestamp require_time(const Json& object, std::string_view key);
Digest parse_digest(std::string_view hex);

std::string_view tier_name(GlacierTier tier);

GlacierVault parse_vault(const Json& json);
GlacierPart parse_part(const Json& json);
GlacierUpload parse_upload(const Json& json);
/// False for kinds of jobs that are not ours to know (select).
bool is_known_job(const Json& json);
GlacierJob parse_job(const Json& json);
GlacierInventoryEntry parse_inventory_entry(const Json& json);

}  // namespace icecore::cloud
