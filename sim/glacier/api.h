#pragma once

#include <memory>
#include <vector>

#include "sim/api_setting.h"
#include "sim/http_message.h"
#include "sim/server.h"

namespace icecore::sim::glacier {

/// The Amazon Glacier vault API over HTTP: signatures, faults on order and the bill around the operations.
/// Thread-safe.
class Api {
  public:
    /// Loads what an earlier one has left. Throws Error.
    Api(const ApiOptions& options, const ApiSetting& setting);
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
