#include <algorithm>

#include "base/format.h"
#include "sim/s3/intervals.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/restore_times.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::uint64_t kDaysMax = 100'000;

struct Order {
    std::optional<std::uint64_t> days;
    std::string tier;
};

Order parse_order(const Call& call) {
    XmlRequest request(call.text, "RestoreRequest");
    if (child_text(request.root(), "Type") || child_text(request.root(), "SelectParameters"))
        throw ApiError(501, "NotImplemented", "Restores that select are not implemented");
    Order out{child_number(request.root(), "Days"), child_text(request.root(), "Tier").value_or("")};
    for (const pugi::xml_node& parameters : children(request.root(), "GlacierJobParameters"))
        out.tier = child_text(parameters, "Tier").value_or("");
    if (out.tier.empty()) out.tier = "Standard";
    if (out.tier != "Standard" && out.tier != "Bulk" && out.tier != "Expedited") malformed_xml();
    return out;
}

void check_restorable(const Version& version) {
    StorageClass of = version.attributes.storage_class;
    if (is_archived(of)) return;
    ApiError::Details details = {{"StorageClass", std::string(storage_class_name(of))}};
    if (of == StorageClass::intelligent_tiering)
        throw ApiError(403, "ObjectAlreadyInActiveTierError",
                       "This object is already in an active tier. Restore is not needed.", details);
    throw ApiError(403, "InvalidObjectState", "Restore is not allowed for the object's current storage class",
                   details);
}

std::uint64_t check_order(const Order& order, StorageClass of) {
    if (!order.days) malformed_xml();
    if (*order.days == 0) invalid_argument("restoration days should be at least 1");
    if (*order.days > kDaysMax) invalid_argument(format("restoration days should be at most {}", kDaysMax));
    std::span<const std::string_view> tiers = restore_tiers(of);
    if (std::find(tiers.begin(), tiers.end(), order.tier) == tiers.end())
        invalid_argument(format("The retrieval tier {} is not supported for the storage class {}", order.tier,
                                storage_class_name(of)));
    return *order.days;
}

}  // namespace

Response restore_object(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    Version version = find_object(bucket, call);
    Order order = parse_order(call);
    check_restorable(version);
    StorageClass of = version.attributes.storage_class;
    std::uint64_t days = check_order(order, of);
    const Restore* running = current_restore(version, call.now);
    bool readable = running != nullptr && call.now >= running->ready;
    bool faster = running != nullptr && is_faster(order.tier, running->tier) && days == running->days;
    if (running != nullptr && !readable && !faster)
        throw ApiError(409, "RestoreAlreadyInProgress", "Object restore is already in progress");

    std::vector<S3Interval> ended;
    Restore restore;
    if (readable) {
        restore = *running;
        restore.days = days;
        restore.expiry = restore_expiry(call.now, days);
    } else {
        if (running == nullptr) add_copy_interval(version, call.now, ended);
        std::string id = call.bucket + '/' + call.key + '/' + version.id;
        restore = {call.now, order.tier, days, call.now, {}};
        restore.ready.sec += restore_duration_sec(of, order.tier, id);
        if (running != nullptr) restore.ready = std::min(restore.ready, running->ready);
        restore.expiry = restore_expiry(restore.ready, days);
    }
    service.bill.add_s3_restore(of, order.tier,
                                readable ? 0 : version.size_bytes);  // first: kill -9 loses none
    version.restore = restore;
    service.storage.change_version(call.bucket, call.key, version, ended);
    Response out = empty_response(readable ? 200 : 202);
    set_version_id(bucket, version, out);
    return out;
}

}  // namespace icecore::sim::s3
