#include "sim/frame.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "base/error.h"
#include "sim/connection.h"
#include "sim/fault_answer.h"

namespace icecore::sim {

Answer answer_request(const Request& request, const RequestBody& body, Bill& bill,
                      std::string_view broken_code, const std::function<Answer()>& run,
                      const std::function<Response(const ApiError&)>& refuse) {
    Answer answer;
    std::uint64_t announced_bytes = body.left_bytes();
    try {
        answer = run();
    } catch (const ApiError& error) {
        answer.response = refuse(error);
    } catch (const Error& error) {
        std::fprintf(stderr, "icecore-sim: %s %s: %s\n", request.method.c_str(), request.path.c_str(),
                     error.what());
        answer.response = refuse(ApiError(500, std::string(broken_code), error.message()));
    } catch (const ConnectionLost&) {
        bill.add_bytes_in(announced_bytes - body.left_bytes());
        throw;
    }
    if (announced_bytes > 0) bill.add_bytes_in(announced_bytes - body.left_bytes());
    return answer;
}

Answer put_on_bill(const std::function<void()>& charge, const std::function<Answer()>& run) {
    try {
        Answer answer = run();
        if (answer.response.status < 500) charge();
        return answer;
    } catch (const ApiError& error) {
        if (error.status() < 500) charge();
        throw;
    }
}

Answer with_fault(Faults& faults, std::string_view broken_code, std::string_view operation,
                  const Request& request, const std::function<void(const Fault&)>& prepare,
                  const std::function<Response()>& run) {
    std::optional<Fault> fault = faults.take(operation, request.path);
    if (fault) {
        if (std::optional<Answer> answer = answer_instead(*fault, broken_code)) return std::move(*answer);
        prepare(*fault);
    }
    Answer answer;
    answer.response = run();
    if (fault) spoil(*fault, answer);
    return answer;
}

}  // namespace icecore::sim
