#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "sim/api_error.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/operations.h"
#include "sim/glacier/policy_text.h"
#include "sim/glacier/state_json.h"
#include "sim/random_id.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::size_t kPolicyBytesMax = 20 << 10;
constexpr std::size_t kTagsMax = 10;
constexpr std::size_t kTagKeyMax = 128;
constexpr std::size_t kTagValueMax = 256;
constexpr std::size_t kCapacityUnitsMax = 2;
constexpr std::int64_t kCapacitySec = 30 * kDaySec;
constexpr std::size_t kCapacityIdLength = 36;

}  // namespace

std::string policy_text(const Call& call) {
    std::string policy = text_field(json_body(call), "Policy");
    if (policy.empty()) missing("Policy");
    if (policy.size() > kPolicyBytesMax) invalid("A policy has at most 20 KB");
    try {
        if (parse_json(policy).is_object()) return policy;
    } catch (const Error&) {
        // said below
    }
    invalid("Invalid policy: it is no JSON object");
}

// Notifications

Response set_vault_notifications(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    Json body = json_body(call);
    std::string topic = text_field(body, "SNSTopic");
    if (!topic.starts_with("arn:")) invalid("Invalid SNS topic ARN: " + topic);
    Json events = body.contains("Events") ? body.at("Events") : Json();
    bool known = events.is_array() && !events.empty();
    for (std::size_t i = 0; known && i < events.size(); ++i)
        known = events[i] == "ArchiveRetrievalCompleted" || events[i] == "InventoryRetrievalCompleted";
    if (!known) invalid("Events must be ArchiveRetrievalCompleted, InventoryRetrievalCompleted or both");
    vault.notifications = Json{{"SNSTopic", topic}, {"Events", events}}.dump();
    service.storage.save_vault(vault);
    return empty_response(204);
}

Response get_vault_notifications(Service& service, Call& call) {
    const Vault& vault = find_vault(service, call);
    if (vault.notifications.empty())
        not_found("No notification configuration is set for vault: " + vault_arn(service, vault.name));
    return json_response(parse_json(vault.notifications));
}

Response delete_vault_notifications(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    vault.notifications.clear();
    service.storage.save_vault(vault);
    return empty_response(204);
}

// Access policy: kept, without effect on anything

Response set_vault_access_policy(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    vault.access_policy = policy_text(call);
    service.storage.save_vault(vault);
    return empty_response(204);
}

Response get_vault_access_policy(Service& service, Call& call) {
    const Vault& vault = find_vault(service, call);
    if (vault.access_policy.empty())
        not_found("No vault access policy is set for: " + vault_arn(service, vault.name));
    return json_response({{"Policy", vault.access_policy}});
}

Response delete_vault_access_policy(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    vault.access_policy.clear();
    service.storage.save_vault(vault);
    return empty_response(204);
}

// Tags

Response add_tags_to_vault(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    Json body = json_body(call);
    if (!body.contains("Tags") || !body.at("Tags").is_object()) missing("Tags");
    std::map<std::string, std::string> tags = vault.tags;
    for (const auto& [key, value] : body.at("Tags").items()) {
        std::string text = text_field(body.at("Tags"), key.c_str());
        if (key.empty() || key.size() > kTagKeyMax || text.size() > kTagValueMax)
            invalid("A tag's key has 1 to 128 characters, its value at most 256: " + key);
        tags[key] = text;
    }
    if (tags.size() > kTagsMax)
        throw ApiError(400, "LimitExceededException", format("A vault can have {} tags", kTagsMax));
    vault.tags = std::move(tags);
    service.storage.save_vault(vault);
    return empty_response(204);
}

Response remove_tags_from_vault(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    Json body = json_body(call);
    if (!body.contains("TagKeys") || !body.at("TagKeys").is_array()) missing("TagKeys");
    for (const Json& key : body.at("TagKeys")) {
        if (!key.is_string()) invalid("TagKeys must be strings");
        vault.tags.erase(key.get<std::string>());
    }
    service.storage.save_vault(vault);
    return empty_response(204);
}

Response list_tags_for_vault(Service& service, Call& call) {
    return json_response({{"Tags", find_vault(service, call).tags}});
}

// Provisioned capacity

Response purchase_provisioned_capacity(Service& service, Call& call) {
    std::vector<CapacityUnit>& units = service.settings.capacity;
    std::erase_if(units, [&](const CapacityUnit& unit) { return unit.expires <= call.now; });
    if (units.size() >= kCapacityUnitsMax)
        throw ApiError(400, "LimitExceededException", "An account can have two provisioned capacity units");
    units.push_back({random_id(kCapacityIdLength), call.now, after(call.now, kCapacitySec)});
    service.storage.save_account(service.settings);
    Response out = empty_response(201);
    out.set("x-amz-capacity-id", units.back().id);
    return out;
}

Response list_provisioned_capacity(Service& service, Call& call) {
    Json list = Json::array();
    for (const CapacityUnit& unit : service.settings.capacity)
        if (unit.expires > call.now)
            list.push_back({{"CapacityId", unit.id},
                            {"StartDate", api_time(unit.start)},
                            {"ExpirationDate", api_time(unit.expires)}});
    return json_response({{"ProvisionedCapacityList", list}});
}

}  // namespace icecore::sim::glacier
