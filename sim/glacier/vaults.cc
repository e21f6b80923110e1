#include "base/format.h"
#include "sim/api_error.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/operations.h"
#include "sim/glacier/state_json.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kVaultsPageMax = 10;
constexpr std::size_t kVaultsMax = 1000;

void check_vault_name(const std::string& name) {
    bool good = !name.empty() && name.size() <= 255;
    for (char c : name)
        good = good && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                        c == '_' || c == '-' || c == '.');
    if (!good) invalid("Invalid vaultName: " + name);
}

Json describe(const Service& service, const Vault& vault) {
    Json out = {{"VaultARN", vault_arn(service, vault.name)},
                {"VaultName", vault.name},
                {"CreationDate", api_time(vault.created)},
                {"LastInventoryDate", nullptr},
                {"NumberOfArchives", nullptr},
                {"SizeInBytes", nullptr}};
    if (vault.inventory) {
        out["LastInventoryDate"] = api_time(vault.inventory->date);
        out["NumberOfArchives"] = vault.inventory->archives;
        out["SizeInBytes"] = vault.inventory->size_bytes;
    }
    return out;
}

}  // namespace

Response create_vault(Service& service, Call& call) {
    check_vault_name(call.vault);
    if (!service.vaults.contains(call.vault)) {
        if (service.vaults.size() >= kVaultsMax)
            throw ApiError(400, "LimitExceededException", "An account can have 1,000 vaults in a region");
        Vault vault{.name = call.vault, .created = call.now};
        service.storage.save_vault(vault);
        service.vaults.emplace(call.vault, std::move(vault));
    }
    Response out = empty_response(201);
    out.set("Location", format("/{}/vaults/{}", service.account, call.vault));
    return out;
}

Response describe_vault(Service& service, Call& call) {
    return json_response(describe(service, find_vault(service, call)));
}

Response list_vaults(Service& service, Call& call) {
    std::uint64_t limit = page_limit(call, kVaultsPageMax);
    auto marker = call.query.find("marker");
    std::string prefix = vault_arn(service, "");
    auto vault = service.vaults.begin();
    if (marker != call.query.end()) {
        if (!marker->second.starts_with(prefix)) invalid("Invalid marker: " + marker->second);
        vault = service.vaults.lower_bound(marker->second.substr(prefix.size()));
    }
    Json out = {{"VaultList", Json::array()}, {"Marker", nullptr}};
    for (; vault != service.vaults.end() && limit > 0; ++vault, --limit) {
        bring_up_to(service, vault->second, call.now);
        out["VaultList"].push_back(describe(service, vault->second));
    }
    if (vault != service.vaults.end()) out["Marker"] = vault_arn(service, vault->first);
    return json_response(out);
}

Response delete_vault(Service& service, Call& call) {
    check_vault_name(call.vault);
    if (!service.vaults.contains(call.vault)) return empty_response(204);
    Vault& vault = find_vault(service, call);
    if (vault.changed || (vault.inventory && vault.inventory->archives > 0))
        invalid("Vault not empty or recently written to: " + vault_arn(service, call.vault));
    service.storage.remove_vault(call.vault);
    service.vaults.erase(call.vault);
    return empty_response(204);
}

}  // namespace icecore::sim::glacier
