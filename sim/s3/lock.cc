#include "base/format.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/settings.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::uint64_t kDaysMax = 36'500;
constexpr std::uint64_t kYearsMax = 100;

const char* mode_name(RetentionMode mode) {
    return mode == RetentionMode::governance ? "GOVERNANCE" : "COMPLIANCE";
}

RetentionMode parse_mode(const pugi::xml_node& node) {
    std::string mode = child_text(node, "Mode").value_or("");
    if (mode == "GOVERNANCE") return RetentionMode::governance;
    if (mode == "COMPLIANCE") return RetentionMode::compliance;
    malformed_xml();
}

DefaultRetention parse_default(const pugi::xml_node& rule) {
    std::vector<pugi::xml_node> found = children(rule, "DefaultRetention");
    if (found.size() != 1) malformed_xml();
    std::optional<std::uint64_t> days = child_number(found.front(), "Days");
    std::optional<std::uint64_t> years = child_number(found.front(), "Years");
    if (days.has_value() == years.has_value()) malformed_xml();
    if (days.value_or(1) == 0 || years.value_or(1) == 0)
        invalid_argument("Default retention period must be a positive integer value.");
    if (days.value_or(0) > kDaysMax || years.value_or(0) > kYearsMax)
        invalid_argument("Default retention period too large");
    return {parse_mode(found.front()), days.value_or(0), years.value_or(0)};
}

[[noreturn]] void no_lock_of_object() {
    throw ApiError(404, "NoSuchObjectLockConfiguration",
                   "The specified object does not have a ObjectLock configuration");
}

const Bucket& find_locking_bucket(const Service& service, const Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    if (!bucket.lock_enabled) invalid_request("Bucket is missing Object Lock Configuration");
    return bucket;
}

/// None, for a Retention without content.
Retention parse_retention(const Call& call) {
    XmlRequest request(call.text, "Retention");
    std::optional<std::string> until = child_text(request.root(), "RetainUntilDate");
    if (!until && !child_text(request.root(), "Mode")) return {};
    std::optional<Timestamp> when = parse_utc(until.value_or(""));
    if (!when) malformed_xml();
    Retention out{parse_mode(request.root()), *when};
    if (out.until <= call.now) invalid_argument("The retain until date must be in the future!");
    return out;
}

/// Compliance is only ever prolonged; governance is weakened by those only who say that they may.
void check_change(const Call& call, const Retention& now, const Retention& then) {
    if (now.mode == RetentionMode::none || now.until <= call.now) return;
    bool weaker = then.mode != now.mode || then.until < now.until;
    bool bypass =
        now.mode == RetentionMode::governance && call.header_is_true("x-amz-bypass-governance-retention");
    if (weaker && !bypass)
        throw ApiError(403, "AccessDenied", "Access Denied because object protected by object lock.");
}

Response save(Service& service, const Call& call, const Bucket& bucket, const Version& version) {
    Response out = empty_response(200);
    set_version_id(bucket, version, out);
    service.storage.change_version(call.bucket, call.key, version);
    return out;
}

}  // namespace

Response put_object_lock_configuration(Service& service, Call& call) {
    check_expected_owner(service, call);
    Bucket bucket = settings_of(find_bucket(service, call));
    XmlRequest request(call.text, "ObjectLockConfiguration");
    if (child_text(request.root(), "ObjectLockEnabled") != "Enabled") malformed_xml();
    if (bucket.versioning != Versioning::enabled)
        throw ApiError(409, "InvalidBucketState",
                       "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    std::vector<pugi::xml_node> rules = children(request.root(), "Rule");
    if (rules.size() > 1) malformed_xml();
    bucket.default_retention = rules.empty() ? DefaultRetention{} : parse_default(rules.front());
    bucket.lock_enabled = true;
    service.storage.save_bucket(bucket);
    return empty_response(200);
}

Response get_object_lock_configuration(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    if (!bucket.lock_enabled)
        throw ApiError(404, "ObjectLockConfigurationNotFoundError",
                       "Object Lock configuration does not exist for this bucket",
                       {{"BucketName", call.bucket}});
    XmlWriter xml("ObjectLockConfiguration");
    xml.text("ObjectLockEnabled", "Enabled");
    const DefaultRetention& fallback = bucket.default_retention;
    if (fallback.mode != RetentionMode::none) {
        xml.open("Rule").open("DefaultRetention").text("Mode", mode_name(fallback.mode));
        if (fallback.years > 0)
            xml.number("Years", fallback.years);
        else
            xml.number("Days", fallback.days);
        xml.close("DefaultRetention").close("Rule");
    }
    return xml_response(xml.finish());
}

Response put_object_retention(Service& service, Call& call) {
    const Bucket& bucket = find_locking_bucket(service, call);
    Version version = find_object(bucket, call);
    Retention wanted = parse_retention(call);
    check_change(call, version.attributes.retention, wanted);
    version.attributes.retention = wanted;
    return save(service, call, bucket, version);
}

Response get_object_retention(Service& service, Call& call) {
    const Bucket& bucket = find_locking_bucket(service, call);
    const Retention& retention = find_object(bucket, call).attributes.retention;
    if (retention.mode == RetentionMode::none) no_lock_of_object();
    XmlWriter xml("Retention");
    xml.text("Mode", mode_name(retention.mode)).text("RetainUntilDate", xml_time(retention.until));
    return xml_response(xml.finish());
}

Response put_object_legal_hold(Service& service, Call& call) {
    const Bucket& bucket = find_locking_bucket(service, call);
    Version version = find_object(bucket, call);
    XmlRequest request(call.text, "LegalHold");
    std::string status = child_text(request.root(), "Status").value_or("");
    if (status != "ON" && status != "OFF") malformed_xml();
    version.attributes.legal_hold = status == "ON";
    return save(service, call, bucket, version);
}

Response get_object_legal_hold(Service& service, Call& call) {
    const Bucket& bucket = find_locking_bucket(service, call);
    XmlWriter xml("LegalHold");
    xml.text("Status", find_object(bucket, call).attributes.legal_hold ? "ON" : "OFF");
    return xml_response(xml.finish());
}

}  // namespace icecore::sim::s3
