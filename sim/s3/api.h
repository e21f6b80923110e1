#pragma once

#include <memory>
#include <vector>

#include "sim/api_setting.h"
#include "sim/bill_lines.h"
#include "sim/http_message.h"
#include "sim/server.h"

namespace icecore::sim::s3 {

/// The S3 API over HTTP: signatures, faults on order and the bill around the operations. Thread-safe.
class Api {
  public:
    static constexpr unsigned kPartsMax = 10'000;

    /// Loads what an earlier one has left. An upload may have `parts_max` parts. Throws Error.
    Api(const ApiOptions& options, const ApiSetting& setting, unsigned parts_max = kPartsMax);
    ~Api();
    Api(Api&&) noexcept;

    Answer handle(const Request& request, RequestBody& body);

    /// Of all bytes that are or were there: for the bill.
    std::vector<S3Interval> stored() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::sim::s3
