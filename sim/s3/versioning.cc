#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/settings.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {

Response put_bucket_versioning(Service& service, Call& call) {
    check_expected_owner(service, call);
    Bucket bucket = settings_of(find_bucket(service, call));
    XmlRequest request(call.text, "VersioningConfiguration");
    std::string status = child_text(request.root(), "Status").value_or("");
    if (status != "Enabled" && status != "Suspended")
        throw ApiError(400, "IllegalVersioningConfigurationException",
                       "The Versioning element must be specified");
    if (child_text(request.root(), "MfaDelete").value_or("Disabled") != "Disabled")
        throw ApiError(501, "NotImplemented", "MFA Delete is not implemented");
    if (bucket.lock_enabled && status != "Enabled")
        throw ApiError(409, "InvalidBucketState",
                       "An Object Lock configuration is present on this bucket, so the versioning state "
                       "cannot be changed.");
    bucket.versioning = status == "Enabled" ? Versioning::enabled : Versioning::suspended;
    service.storage.save_bucket(bucket);
    return empty_response(200);
}

Response get_bucket_versioning(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    XmlWriter xml("VersioningConfiguration");
    if (bucket.versioning != Versioning::never)
        xml.text("Status", bucket.versioning == Versioning::enabled ? "Enabled" : "Suspended");
    return xml_response(xml.finish());
}

}  // namespace icecore::sim::s3
