#include "base/format.h"
#include "sim/api_error.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/lock_policy.h"
#include "sim/glacier/operations.h"
#include "sim/glacier/policy_text.h"
#include "sim/glacier/state_json.h"
#include "sim/random_id.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::size_t kLockIdLength = 64;

VaultLock& find_lock(const Service& service, Vault& vault) {
    if (!vault.lock) not_found("No vault lock policy is set for: " + vault_arn(service, vault.name));
    return *vault.lock;
}

[[noreturn]] void refuse(const std::string& message) {
    throw ApiError(403, "AccessDeniedException", message);
}

}  // namespace

Response initiate_vault_lock(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    std::string policy = policy_text(call);
    LockPolicy::parse(policy);
    if (vault.lock) refuse(format("Vault lock is already {}", vault.lock->locked ? "locked" : "in progress"));
    vault.lock = VaultLock{random_id(kLockIdLength), policy, call.now, after(call.now, kDaySec)};
    service.storage.save_vault(vault);
    Response out = empty_response(201);
    out.set("x-amz-lock-id", vault.lock->id);
    return out;
}

Response get_vault_lock(Service& service, Call& call) {
    const VaultLock& lock = find_lock(service, find_vault(service, call));
    return json_response({{"Policy", lock.policy},
                          {"State", lock.locked ? "Locked" : "InProgress"},
                          {"CreationDate", api_time(lock.created)},
                          {"ExpirationDate", lock.locked ? Json() : Json(api_time(lock.expires))}});
}

/// Without one that is there it does nothing: it may be repeated.
Response abort_vault_lock(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    if (!vault.lock) return empty_response(204);
    if (vault.lock->locked) refuse("The vault is locked: this cannot be undone");
    vault.lock.reset();
    service.storage.save_vault(vault);
    return empty_response(204);
}

Response complete_vault_lock(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    VaultLock& lock = find_lock(service, vault);
    if (lock.id != call.id) invalid("Invalid lock ID: " + call.id);
    lock.locked = true;
    service.storage.save_vault(vault);
    return empty_response(204);
}

}  // namespace icecore::sim::glacier
