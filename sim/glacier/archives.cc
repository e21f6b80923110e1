#include "base/format.h"
#include "sim/api_error.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/incoming.h"
#include "sim/glacier/lock_policy.h"
#include "sim/glacier/operations.h"
#include "sim/random_id.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kSingleBytesMax = 4096 * kMegabyte;
constexpr std::size_t kArchiveIdLength = 138;

/// Throws ApiError where the vault's lock denies the deletion.
void check_lock(const Service& service, const Vault& vault, const Archive& archive, Timestamp now) {
    if (!vault.lock) return;
    std::int64_t age_days = (now.sec - archive.created.sec) / kDaySec;
    if (LockPolicy::parse(vault.lock->policy).denies_deletion(vault_arn(service, vault.name), age_days))
        throw ApiError(
            403, "AccessDeniedException",
            format("User is not authorized to perform: glacier:DeleteArchive on resource: {} with an "
                   "explicit deny in the vault lock policy",
                   vault_arn(service, vault.name)));
}

}  // namespace

std::string new_archive_id() {
    return random_id(kArchiveIdLength);
}

Response created_archive(const Service& service, const Archive& archive, const std::string& vault) {
    Response out = empty_response(201);
    out.set("x-amz-archive-id", archive.id);
    out.set("x-amz-sha256-tree-hash", archive.tree_hash.hex());
    out.set("Location", format("/{}/vaults/{}/archives/{}", service.account, vault, archive.id));
    return out;
}

Response upload_archive(Service& service, Call& call) {
    std::string description;
    if (const std::string* header = call.request.header("x-amz-archive-description")) description = *header;
    check_description(description);
    if (call.body.left_bytes() > kSingleBytesMax)
        invalid(format("Invalid Content-Length: {}. An archive in one request has at most 4 GiB",
                       call.body.left_bytes()));
    IncomingFile incoming(service, call);
    std::lock_guard lock(service.mutex);
    Vault& vault = find_vault(service, call);
    Archive archive{new_archive_id(),           description,     call.now,
                    incoming.part().size_bytes, kSingleBytesMax, incoming.part().tree_hash};
    note_change(service, vault, call.now);
    service.storage.add_archive(vault, archive, incoming.release());
    auto added = vault.archives.emplace(archive.id, archive).first;
    return created_archive(service, added->second, vault.name);
}

Response delete_archive(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    auto found = vault.archives.find(call.id);
    if (found == vault.archives.end() || found->second.deleted) return empty_response(204);
    check_lock(service, vault, found->second, call.now);
    note_change(service, vault, call.now);
    bool keep = needed_by_job(vault, call.id);
    service.storage.delete_archive(vault, found->second, call.now, keep);
    if (keep)
        found->second.deleted = true;
    else
        vault.archives.erase(found);
    return empty_response(204);
}

}  // namespace icecore::sim::glacier
