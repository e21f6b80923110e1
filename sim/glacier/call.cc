#include "sim/glacier/call.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "sim/api_error.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/state_json.h"

namespace icecore::sim::glacier {
namespace {

/// Old clients ask for so many, which was allowed once, and take fewer.
constexpr std::uint64_t kLimitMax = 1000;

}  // namespace

void invalid(const std::string& message) {
    throw ApiError(400, "InvalidParameterValueException", message);
}

void missing(std::string_view parameter) {
    throw ApiError(400, "MissingParameterValueException",
                   format("Required parameter missing: {}", parameter));
}

void not_found(const std::string& message) {
    throw ApiError(404, "ResourceNotFoundException", message);
}

std::string vault_arn(const Service& service, std::string_view vault) {
    return format("arn:aws:glacier:{}:{}:vaults/{}", service.region, service.account, vault);
}

Vault& find_vault(Service& service, const Call& call) {
    auto found = service.vaults.find(call.vault);
    if (found == service.vaults.end())
        not_found("Vault not found for ARN: " + vault_arn(service, call.vault));
    bring_up_to(service, found->second, call.now);
    return found->second;
}

const std::string& required_header(const Call& call, std::string_view name) {
    const std::string* value = call.request.header(name);
    if (value == nullptr || value->empty()) missing(name);
    return *value;
}

Digest required_digest(const Call& call, std::string_view name) {
    const std::string& value = required_header(call, name);
    std::optional<Digest> digest = parse_digest(value);
    if (!digest) invalid(format("Invalid {}: {}", name, value));
    return *digest;
}

std::uint64_t page_limit(const Call& call, std::uint64_t limit_max) {
    auto found = call.query.find("limit");
    if (found == call.query.end()) return limit_max;
    std::optional<std::uint64_t> limit = parse_decimal(found->second);
    if (!limit || *limit == 0 || *limit > kLimitMax)
        invalid(format("Invalid limit: {}. It must be 1 to {}", found->second, kLimitMax));
    return std::min(*limit, limit_max);
}

Json json_body(const Call& call) {
    try {
        Json body = parse_json(call.text);
        if (body.is_object()) return body;
    } catch (const Error&) {
        // said below
    }
    throw ApiError(400, "SerializationException", "The request's body is no JSON object");
}

std::string text_field(const Json& object, const char* key) {
    auto found = object.find(key);
    if (found == object.end() || found->is_null()) return {};
    if (!found->is_string())
        throw ApiError(400, "SerializationException", format("{} must be a string", key));
    return found->get<std::string>();
}

void check_description(std::string_view text) {
    if (text.size() > 1024) invalid("The description is longer than 1,024 characters");
    if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }))
        invalid("The description holds other characters than printable ASCII");
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

Response json_response(const Json& body, int status) {
    Response out{.status = status, .headers = {}, .body = {}};
    out.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);  // what was sent may be no UTF-8
    out.set("Content-Type", "application/json");
    return out;
}

Response empty_response(int status) {
    return {.status = status, .headers = {}, .body = {}};
}

}  // namespace icecore::sim::glacier
