#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/settings.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kObjectTagsMax = 10;

Response set_tags(Service& service, const Call& call, std::map<std::string, std::string> tags, int status) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    Version version = find_object(bucket, call);
    version.attributes.tags = std::move(tags);
    service.storage.change_version(call.bucket, call.key, version);
    Response out = empty_response(status);
    set_version_id(bucket, version, out);
    return out;
}

}  // namespace

Response put_object_tagging(Service& service, Call& call) {
    return set_tags(service, call, parse_tagging(call.text, kObjectTagsMax), 200);
}

Response delete_object_tagging(Service& service, Call& call) {
    return set_tags(service, call, {}, 204);
}

Response get_object_tagging(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    const Version& version = find_object(bucket, call);
    XmlWriter xml("Tagging");
    xml.open("TagSet");
    for (const auto& [key, value] : version.attributes.tags)
        xml.open("Tag").text("Key", key).text("Value", value).close("Tag");
    xml.close("TagSet");
    Response out = xml_response(xml.finish());
    set_version_id(bucket, version, out);
    return out;
}

}  // namespace icecore::sim::s3
