#include "sim/s3/lifecycle.h"

#include <algorithm>
#include <iterator>

#include "sim/s3/intervals.h"
#include "sim/s3/lifecycle_rules.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/settings.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::int64_t kDaySec = 86400;
/// The configuration as it was put, when that was, and what it says of small objects.
constexpr const char* kRules = "lifecycle";
constexpr const char* kSince = "lifecycle-since";
constexpr const char* kSmall = "lifecycle-small";
constexpr const char* kSmallHeader = "x-amz-transition-default-minimum-object-size";
constexpr const char* kSmallStay = "all_storage_classes_128K";
constexpr const char* kSmallMove = "varies_by_storage_class";

std::optional<Lifecycle> lifecycle_of(const Bucket& bucket) {
    auto found = bucket.documents.find(kRules);
    if (found == bucket.documents.end()) return std::nullopt;
    Lifecycle out{Lifecycle::parse(found->second),
                  parse_utc(bucket.documents.at(kSince)).value_or(Timestamp{}),
                  bucket.documents.at(kSmall) == kSmallMove};
    return out;
}

const Version& version_of(const Versions& versions, const std::string& id) {
    return *std::find_if(versions.begin(), versions.end(),
                         [&](const Version& version) { return version.id == id; });
}

void move(Service& service, const std::string& bucket, const std::string& key, Version version,
          const LifecycleAction& action) {
    std::vector<S3Interval> ended;
    add_intervals(version, action.due, true, ended);
    version.attributes.storage_class = action.to;
    version.in_class_since = action.due;
    version.moved = true;
    version.restore.reset();
    service.storage.change_version(bucket, key, version, ended);
}

void expire(Service& service, const Bucket& bucket, const std::string& key, const LifecycleAction& action) {
    if (bucket.versioning == Versioning::never) {
        service.storage.remove_version(bucket.name, key, action.version_id, action.due);
        return;
    }
    Version marker{.id = new_version_id(bucket), .delete_marker = true, .created = action.due};
    service.storage.put_version(bucket.name, key, marker);
}

/// All that is due with one key, one after the other.
void bring_up_key(Service& service, const Bucket& bucket, const Lifecycle& lifecycle, const std::string& key,
                  Timestamp now) {
    for (auto found = bucket.keys.find(key); found != bucket.keys.end(); found = bucket.keys.find(key)) {
        std::optional<LifecycleAction> action = next_action(lifecycle, key, found->second, now);
        if (!action) return;
        switch (action->what) {
            case LifecycleAction::What::move:
                move(service, bucket.name, key, version_of(found->second, action->version_id), *action);
                break;
            case LifecycleAction::What::expire:
                expire(service, bucket, key, *action);
                break;
            case LifecycleAction::What::remove:
                service.storage.remove_version(bucket.name, key, action->version_id, action->due);
                break;
        }
    }
}

void abort_uploads(Service& service, const Bucket& bucket, const Lifecycle& lifecycle, Timestamp now) {
    std::vector<std::pair<std::string, Timestamp>> due;
    for (const auto& [id, upload] : bucket.uploads)
        if (std::optional<Timestamp> when = abort_time(lifecycle, upload); when && *when <= now)
            due.emplace_back(id, *when);
    for (const auto& [id, when] : due) service.storage.end_upload(bucket.name, id, when);
}

}  // namespace

void bring_up_to(Service& service, const std::string& name, Timestamp now) {
    const Bucket* bucket = service.storage.find_bucket(name);
    if (bucket == nullptr || !bucket->documents.contains(kRules)) return;
    std::int64_t day = now.sec / kDaySec;
    auto [brought, is_new] = service.brought_up_to_day.try_emplace(name, day);
    if (!is_new && brought->second == day) return;
    brought->second = day;
    Lifecycle lifecycle = *lifecycle_of(*bucket);
    std::vector<std::string> keys;
    keys.reserve(bucket->keys.size());
    for (const auto& [key, versions] : bucket->keys)
        if (next_action(lifecycle, key, versions, now)) keys.push_back(key);
    for (const std::string& key : keys) bring_up_key(service, *bucket, lifecycle, key, now);
    abort_uploads(service, *bucket, lifecycle, now);
}

Response put_bucket_lifecycle_configuration(Service& service, Call& call) {
    check_expected_owner(service, call);
    Bucket bucket = settings_of(find_bucket(service, call));
    Lifecycle::parse(call.text);
    std::string small = call.header(kSmallHeader);
    if (!small.empty() && small != kSmallStay && small != kSmallMove)
        invalid_argument("Invalid transition default minimum object size", kSmallHeader, small);
    if (small.empty()) small = kSmallStay;
    bucket.documents[kRules] = call.text;
    bucket.documents[kSince] = format_iso_utc(call.now);
    bucket.documents[kSmall] = small;
    service.storage.save_bucket(bucket);
    service.brought_up_to_day.erase(call.bucket);
    Response out = empty_response(200);
    out.set(kSmallHeader, small);
    return out;
}

Response get_bucket_lifecycle_configuration(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    auto found = bucket.documents.find(kRules);
    if (found == bucket.documents.end())
        throw ApiError(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist",
                       {{"BucketName", call.bucket}});
    Response out = xml_response(found->second);
    out.set(kSmallHeader, bucket.documents.at(kSmall));
    return out;
}

Response delete_bucket_lifecycle(Service& service, Call& call) {
    check_expected_owner(service, call);
    Bucket bucket = settings_of(find_bucket(service, call));
    for (const char* name : {kRules, kSince, kSmall}) bucket.documents.erase(name);
    service.storage.save_bucket(bucket);
    return empty_response(204);
}

}  // namespace icecore::sim::s3
