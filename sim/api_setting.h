#pragma once

#include <string>

#include "sim/access.h"
#include "sim/auth.h"
#include "sim/bill.h"
#include "sim/clock.h"
#include "sim/faults.h"

namespace icecore::sim {

/// Where a service keeps its things, and whose they are.
struct ApiOptions {
    std::string data_dir;  ///< made if it is not there
    std::string account;   ///< 12 digits
    std::string region;    ///< that the endpoint is of
};

/// What all services share. It must outlive them.
struct ApiSetting {
    const VirtualClock& clock;
    const Authenticator& authenticator;
    const Access& access;
    Faults& faults;
    Bill& bill;
};

}  // namespace icecore::sim
