#pragma once

#include "sim/glacier/call.h"

namespace icecore::sim::glacier {

/// Throws ApiError where the account's data retrieval policy does not let `job` begin. Standard retrievals
/// only: BytesPerHour counts what was asked for in the last hour, FreeTier what was in the last day against a
/// thirtieth of 10 GiB. Needs the lock.
void check_retrieval_policy(const Service& service, const Job& job);

}  // namespace icecore::sim::glacier
