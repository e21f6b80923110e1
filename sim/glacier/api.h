#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/access.h"
#include "sim/auth.h"
#include "sim/bill.h"
#include "sim/clock.h"
#include "sim/faults.h"
#include "sim/http_message.h"
#include "sim/server.h"

namespace icecore::sim::glacier {

struct ApiOptions {
    std::string data_dir;  ///< made if it is not there
    std::string account;   ///< 12 digits
    std::string region;
};

/// The Amazon Glacier vault API over HTTP: signatures, faults on order and the bill around the operations.
/// Thread-safe. What is referred to must outlive it.
class Api {
  public:
    /// Loads what an earlier one has left. Throws Error.
    Api(const ApiOptions& options, const VirtualClock& clock, const Authenticator& authenticator,
        const Access& access, Faults& faults, Bill& bill);
    ~Api();
    Api(Api&&) noexcept;

    Answer handle(const Request& request, RequestBody& body);

    /// Of every archive that is or was there: for the bill.
    std::vector<StoredInterval> stored() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::sim::glacier
