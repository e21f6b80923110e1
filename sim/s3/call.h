#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "sim/access.h"
#include "sim/api_error.h"
#include "sim/bill.h"
#include "sim/clock.h"
#include "sim/http_message.h"
#include "sim/s3/payload.h"
#include "sim/s3/state.h"
#include "sim/s3/storage.h"

namespace icecore::sim::s3 {

/// A write with conditions whose body is still coming.
struct ConditionalWrite {
    std::string bucket;
    std::string key;
    bool conflict = false;  ///< the key was deleted meanwhile
};

/// All that the operations work on.
struct Service {
    std::string account;  ///< 12 digits
    std::string region;   ///< that the endpoint is of
    Bill& bill;
    const Access& access;
    unsigned parts_max;  ///< of an upload
    std::mutex mutex;    // guards what follows
    Storage storage;
    /// Of buckets with a lifecycle: the day (since 1970) up to which it was carried out.
    std::map<std::string, std::int64_t> brought_up_to_day = {};
    std::list<ConditionalWrite> conditional_writes = {};
};

/// A request to one of them. Whoever called has checked its signature.
struct Call {
    const Request& request;
    Payload& payload;  ///< the body of operations that take data
    const VirtualClock& clock;
    Timestamp now;  ///< of that clock
    std::string bucket = {};
    std::string key = {};
    std::string key_id = {};  ///< who asks
    std::map<std::string, std::string> query = {};
    std::string text = {};  ///< the body of all other operations, checked
    /// The class at whose price the request is billed.
    StorageClass billed_class = StorageClass::standard;

    /// Value of a query parameter; nullptr if it is not there.
    const std::string* parameter(const std::string& name) const;
    /// Value of a header or "".
    std::string header(std::string_view name) const;
    /// Whether a header says "true", in any case: some clients write it "True".
    bool header_is_true(std::string_view name) const;
};

/// The bucket of `call`. Throws ApiError. Needs the lock.
const Bucket& find_bucket(const Service& service, const Call& call);
/// The current version of `call.key`, or the one that `versionId` names; may be a delete marker. Throws
/// ApiError. Needs the lock.
const Version& find_version(const Bucket& bucket, const Call& call);
/// The same, but a delete marker is refused like on GET: 404 or 405.
const Version& find_object(const Bucket& bucket, const Call& call);
/// The current version of the key, unless it is a delete marker; nullptr if there is none.
const Version* current_object(const Bucket& bucket, const std::string& key);
/// Throws ApiError for a body that has no length, or more than `bytes_max`.
void check_upload_size(const Call& call, std::uint64_t bytes_max);
/// The id of a version that is made now: "null" unless versioning is enabled.
std::string new_version_id(const Bucket& bucket);

/// A number of 0 to `max` from the query; `fallback` if it is not there. Throws ApiError.
std::uint64_t number_parameter(const Call& call, const std::string& name, std::uint64_t fallback,
                               std::uint64_t max);

/// "2026-11-22T03:15:00.000Z", as in XML.
std::string xml_time(Timestamp when);
/// "Sun, 22 Nov 2026 03:15:00 GMT", as in headers.
std::string http_time(Timestamp when);
std::optional<Timestamp> parse_http_time(std::string_view text);

Response xml_response(std::string body, int status = 200);
Response empty_response(int status);
/// x-amz-version-id, where the bucket has versions.
void set_version_id(const Bucket& bucket, const Version& version, Response& response);

[[noreturn]] void invalid_argument(const std::string& message, const std::string& name = {},
                                   const std::string& value = {});
[[noreturn]] void invalid_request(const std::string& message);
[[noreturn]] void malformed_xml();

}  // namespace icecore::sim::s3
