#include "sim/glacier/expiry.h"

#include <algorithm>

#include "sim/glacier/inventory.h"

namespace icecore::sim::glacier {
namespace {

void expire_jobs(Service& service, Vault& vault, Timestamp now) {
    std::size_t expired = std::erase_if(vault.jobs, [&](const auto& entry) {
        if (after(entry.second.due, kDaySec) > now) return false;
        service.storage.remove_job(vault, entry.first);
        return true;
    });
    if (expired == 0) return;
    std::erase_if(vault.archives, [&](const auto& entry) {
        if (!entry.second.deleted || needed_by_job(vault, entry.first)) return false;
        service.storage.purge_archive(vault, entry.first);
        return true;
    });
}

void expire_uploads(Service& service, Vault& vault, Timestamp now) {
    std::erase_if(vault.uploads, [&](const auto& entry) {
        if (entry.second.receiving > 0 || after(entry.second.last_activity, kDaySec) > now) return false;
        service.storage.remove_upload(vault, entry.first);
        return true;
    });
}

}  // namespace

Timestamp after(Timestamp t, std::int64_t seconds) {
    return {t.sec + seconds, t.nsec};
}

bool needed_by_job(const Vault& vault, const std::string& archive_id) {
    return std::any_of(vault.jobs.begin(), vault.jobs.end(),
                       [&](const auto& entry) { return entry.second.archive_id == archive_id; });
}

void bring_up_to(Service& service, Vault& vault, Timestamp now) {
    if (vault.changed && after(*vault.changed, kDaySec) <= now) {
        take_inventory(service.storage, vault, after(*vault.changed, kDaySec));
        vault.changed.reset();
        service.storage.save_vault(vault);
    }
    if (vault.lock && !vault.lock->locked && vault.lock->expires <= now) {
        vault.lock.reset();
        service.storage.save_vault(vault);
    }
    expire_uploads(service, vault, now);
    expire_jobs(service, vault, now);
}

void note_change(Service& service, Vault& vault, Timestamp now) {
    if (vault.changed) return;
    vault.changed = now;
    service.storage.save_vault(vault);
}

void forget_upload(Service& service, Vault& vault, const std::string& id) {
    if (vault.uploads.erase(id) > 0) service.storage.remove_upload(vault, id);
}

}  // namespace icecore::sim::glacier
