#include "sim/s3/conditions.h"

namespace icecore::sim::s3 {
namespace {

[[noreturn]] void failed(const char* condition) {
    throw ApiError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
                   {{"Condition", condition}});
}

/// Whether a list of ETags holds `etag`; "*" holds all. Quotes may be missing.
bool holds(std::string_view list, std::string_view etag) {
    while (!list.empty()) {
        std::string_view item = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), item.size() + 1));
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (item.starts_with("W/")) item.remove_prefix(2);
        if (item.size() >= 2 && item.front() == '"' && item.back() == '"')
            item = item.substr(1, item.size() - 2);
        if (item == "*" || item == etag) return true;
    }
    return false;
}

}  // namespace

void check_write_conditions(const Bucket& bucket, const Call& call, const std::string& key) {
    const std::string* none = call.request.header("If-None-Match");
    const std::string* match = call.request.header("If-Match");
    if ((none != nullptr && *none != "*") || (none != nullptr && match != nullptr))
        throw ApiError(501, "NotImplemented",
                       "A header you provided implies functionality that is not implemented",
                       {{"Header", "If-None-Match"}});
    const Version* there = current_object(bucket, key);
    if (none != nullptr && there != nullptr) failed("If-None-Match");
    if (match == nullptr) return;
    if (there == nullptr)
        throw ApiError(404, "NoSuchKey", "The specified key does not exist.", {{"Key", key}});
    if (!holds(*match, there->etag)) failed("If-Match");
}

ConditionalWriteScope::ConditionalWriteScope(Service& service, const Call& call) : service_(service) {
    if (call.request.header("If-None-Match") == nullptr && call.request.header("If-Match") == nullptr) return;
    std::lock_guard lock(service.mutex);
    registered_ =
        service.conditional_writes.insert(service.conditional_writes.end(), {call.bucket, call.key});
}

ConditionalWriteScope::~ConditionalWriteScope() {
    if (!registered_) return;
    std::lock_guard lock(service_.mutex);
    service_.conditional_writes.erase(*registered_);
}

void ConditionalWriteScope::check() const {
    if (registered_ && (*registered_)->conflict)
        throw ApiError(
            409, "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
            {{"Condition", "If-None-Match"}});
}

void note_deletion(Service& service, const std::string& bucket, const std::string& key) {
    for (ConditionalWrite& write : service.conditional_writes)
        if (write.bucket == bucket && write.key == key) write.conflict = true;
}

void check_read_conditions(const Call& call, const Version& version) {
    const std::string* match = call.request.header("If-Match");
    const std::string* none = call.request.header("If-None-Match");
    std::optional<Timestamp> modified_since = parse_http_time(call.header("If-Modified-Since"));
    std::optional<Timestamp> unmodified_since = parse_http_time(call.header("If-Unmodified-Since"));
    Timestamp modified{version.created.sec, 0};
    if (match != nullptr && !holds(*match, version.etag)) failed("If-Match");
    if (match == nullptr && unmodified_since && modified > *unmodified_since) failed("If-Unmodified-Since");
    bool unchanged =
        none != nullptr ? holds(*none, version.etag) : modified_since && modified <= *modified_since;
    if (unchanged) throw ApiError(304, "NotModified", "Not Modified", {{"ETag", '"' + version.etag + '"'}});
}

}  // namespace icecore::sim::s3
