#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/json_document.h"
#include "sim/bill.h"
#include "sim/clock.h"
#include "sim/glacier/state.h"
#include "sim/glacier/storage.h"
#include "sim/http_message.h"

namespace icecore::sim::glacier {

/// All that the operations work on.
struct Service {
    std::string account;  ///< 12 digits
    std::string region;
    Storage storage;
    Bill& bill;
    std::mutex mutex = {};  // guards what follows, and `storage`
    Account settings = {};
    std::map<std::string, Vault> vaults = {};
};

/// A request to one of them. Whoever called has checked its signature.
struct Call {
    const Request& request;
    RequestBody& body;  ///< of operations that take data
    const VirtualClock& clock;
    Timestamp now;  ///< of that clock
    std::string vault = {};
    std::string id = {};
    std::map<std::string, std::string> query = {};
    std::string text = {};  ///< the body of all other operations
    bool fail_job = false;  ///< a fault on order
};

/// The vault of `call`, brought up to `call.now`. Throws ApiError. Needs the lock.
Vault& find_vault(Service& service, const Call& call);
std::string vault_arn(const Service& service, std::string_view vault);

/// The value of a header; throws ApiError if it is missing.
const std::string& required_header(const Call& call, std::string_view name);
/// Throws ApiError unless the header is there, and 64 hex digits.
Digest required_digest(const Call& call, std::string_view name);
/// `limit` of the query, but at most `limit_max`, which is also the default. Throws ApiError.
std::uint64_t page_limit(const Call& call, std::uint64_t limit_max);
/// The body as a JSON object. Throws ApiError.
Json json_body(const Call& call);
/// A string of `object`, or "" where it is missing or null. Throws ApiError for another type.
std::string text_field(const Json& object, const char* key);
/// Throws ApiError for a description that the service does not take.
void check_description(std::string_view text);

/// A string, or null where it is empty.
Json text_or_null(const std::string& text);
Response json_response(const Json& body, int status = 200);
Response empty_response(int status);

[[noreturn]] void invalid(const std::string& message);
[[noreturn]] void missing(std::string_view parameter);
[[noreturn]] void not_found(const std::string& message);

}  // namespace icecore::sim::glacier
