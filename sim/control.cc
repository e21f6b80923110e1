#include "sim/control.h"

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"

namespace icecore::sim {
namespace {

constexpr std::size_t kTextBytesMax = 1 << 20;

Response json_text(std::string text, int status = 200) {
    Response out{.status = status, .headers = {}, .body = std::move(text)};
    if (!out.body.ends_with('\n')) out.body += '\n';
    out.set("Content-Type", "application/json");
    return out;
}

Response refusal(int status, std::string_view message) {
    return json_text(Json{{"error", message}}.dump(), status);
}

}  // namespace

Answer Control::handle(const Request& request, RequestBody& body) {
    Answer answer;
    try {
        if (body.left_bytes() > kTextBytesMax) {
            answer.response = refusal(413, "too much");
            return answer;
        }
        Buffer piece;
        body.next(piece);
        std::string text(piece.view());
        if (request.path == "/_sim/health")
            answer.response = json_text("{\"status\":\"ok\"}");
        else if (request.path == "/_sim/clock")
            answer.response = clock(request, text);
        else if (request.path == "/_sim/faults")
            answer.response = faults(request, text);
        else if (request.path == "/_sim/bill")
            answer.response = bill(request);
        else
            answer.response = refusal(404, "known are /_sim/health, clock, faults and bill");
    } catch (const Error& error) {
        answer.response = refusal(400, error.message());
    } catch (const Json::exception& error) {
        answer.response = refusal(400, error.what());
    }
    return answer;
}

Response Control::clock(const Request& request, const std::string& text) {
    if (request.method == "POST")
        clock_.order(text);
    else if (request.method != "GET")
        return refusal(405, "GET or POST is expected");
    return json_text(clock_.json());
}

/// POST adds, DELETE forgets all.
Response Control::faults(const Request& request, const std::string& text) {
    if (request.method == "POST")
        faults_.add(text);
    else if (request.method == "DELETE")
        faults_.clear();
    else if (request.method != "GET")
        return refusal(405, "GET, POST or DELETE is expected");
    return json_text(faults_.json());
}

Response Control::bill(const Request& request) {
    if (request.method != "GET") return refusal(405, "GET is expected");
    if (query_parameters(request.query)["format"] != "text") return json_text(bill_.json(stored_()));
    Response out{.status = 200, .headers = {}, .body = bill_.text(stored_())};
    out.set("Content-Type", "text/plain");
    return out;
}

}  // namespace icecore::sim
