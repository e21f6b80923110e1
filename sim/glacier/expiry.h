#pragma once

#include "sim/glacier/call.h"

namespace icecore::sim::glacier {

inline constexpr std::int64_t kHourSec = 3600;
inline constexpr std::int64_t kDaySec = 24 * kHourSec;

Timestamp after(Timestamp t, std::int64_t seconds);

/// Lets happen what time alone brings, up to `now`: an inventory a day after the first change since the last
/// one; the end of multipart uploads without activity, of jobs a day after their completion, of a vault lock
/// that was not completed. Nothing runs in the background: every operation calls this first. Needs the lock.
void bring_up_to(Service& service, Vault& vault, Timestamp now);

/// To be called before an archive comes or goes: the next inventory is due a day after.
void note_change(Service& service, Vault& vault, Timestamp now);

/// Whether the output of a job is, or will be, of that archive.
bool needed_by_job(const Vault& vault, const std::string& archive_id);

/// Forgets a multipart upload. Needs the lock.
void forget_upload(Service& service, Vault& vault, const std::string& id);

}  // namespace icecore::sim::glacier
