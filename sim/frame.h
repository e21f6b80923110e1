#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sim/api_error.h"
#include "sim/bill.h"
#include "sim/faults.h"
#include "sim/http_message.h"
#include "sim/server.h"

namespace icecore::sim {

/// What surrounds the operations of every service.

/// The answer of `run`, or what `refuse` makes of an ApiError that it throws (of an Error: 500 and
/// `broken_code`). The bytes of the request's body go on the bill, also of one that broke off.
Answer answer_request(const Request& request, const RequestBody& body, Bill& bill,
                      std::string_view broken_code, const std::function<Answer()>& run,
                      const std::function<Response(const ApiError&)>& refuse);

/// The answer of `run`; `charge` puts it, or the ApiError that is thrown, on the bill unless it failed with
/// 5xx.
Answer put_on_bill(const std::function<void()>& charge, const std::function<Answer()>& run);

/// Carries out an operation with the fault that is on order for it, if there is one: `prepare` gets it before
/// `run`.
Answer with_fault(Faults& faults, std::string_view broken_code, std::string_view operation,
                  const Request& request, const std::function<void(const Fault&)>& prepare,
                  const std::function<Response()>& run);

}  // namespace icecore::sim
