#pragma once

#include "base/json_document.h"
#include "sim/glacier/state.h"

namespace icecore::sim::glacier {

/// The state as JSON, for the files that it is kept in. Reading throws Error{corrupt}.

Json vault_to_json(
    const Vault& vault);  ///< without archives, uploads and jobs, which have files of their own
Vault vault_from_json(const Json& json);
Json archive_to_json(const Archive& archive);
Archive archive_from_json(const Json& json);
Json upload_to_json(const Upload& upload);  ///< without the parts
Upload upload_from_json(const Json& json);
Json job_to_json(const Job& job);
Job job_from_json(const Json& json);
Json account_to_json(const Account& account);
Account account_from_json(const Json& json);

/// 64 hex digits in lower or upper case; nullopt for anything else.
std::optional<Digest> parse_digest(std::string_view hex);
/// "2012-03-20T17:03:43.221Z": as the API has moments.
std::string api_time(Timestamp t);

}  // namespace icecore::sim::glacier
