#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.h"
#include "base/json_document.h"
#include "cloud/glacier_client.h"

namespace icecore::cloud {

/// Reading the JSON of the vault API's answers. All throw Error{corrupt} for what is missing or of another
/// type; null counts as missing.

/// Does `action`, and says in what it throws what was being done.
template <typename Action>
std::invoke_result_t<Action> in_reply(std::string_view doing, Action action) {
    try {
        return action();
    } catch (Error& e) {
        e.add_context(doing);
        if (e.kind() == Error::Kind::corrupt && e.hint().empty())
            e.set_hint("this is not how the service answers: is the endpoint right, is there a proxy?");
        throw;
    }
}

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
