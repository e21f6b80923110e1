#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "sim/s3/list_xml.h"
#include "sim/s3/listing.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/uploads.h"

namespace icecore::sim::s3 {
namespace {

void write_owner(XmlWriter& xml, const Service& service) {
    for (const char* role : {"Initiator", "Owner"}) xml.open(role).text("ID", service.account).close(role);
}

void write_checksum_kind(XmlWriter& xml, const Upload& upload) {
    if (!upload.algorithm) return;
    xml.text("ChecksumAlgorithm", algorithm_name(*upload.algorithm));
    xml.text("ChecksumType", type_name(upload.checksum_type));
}

/// The uploads of a bucket in the order in which they are listed: by key, then by when they began.
std::vector<const Upload*> sorted_uploads(const Bucket& bucket, const std::string& prefix) {
    std::vector<const Upload*> out;
    for (const auto& [id, upload] : bucket.uploads)
        if (upload.key.starts_with(prefix)) out.push_back(&upload);
    std::sort(out.begin(), out.end(), [](const Upload* a, const Upload* b) {
        return std::tie(a->key, a->initiated, a->id) < std::tie(b->key, b->initiated, b->id);
    });
    return out;
}

/// Drops those up to and with the markers.
void skip_marked(std::vector<const Upload*>& uploads, const std::string& key, const std::string& id) {
    if (key.empty()) return;
    auto marked = std::find_if(uploads.begin(), uploads.end(),
                               [&](const Upload* upload) { return upload->key == key && upload->id == id; });
    if (!id.empty() && marked != uploads.end()) {
        uploads.erase(uploads.begin(), marked + 1);
        return;
    }
    std::erase_if(uploads, [&](const Upload* upload) { return upload->key <= key; });
}

}  // namespace

Response list_parts(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Upload& upload = find_upload(find_bucket(service, call), call);
    std::uint64_t max = list_max(call, "max-parts");
    std::uint64_t marker = number_parameter(call, "part-number-marker", 0, INT32_MAX);
    XmlWriter xml("ListPartsResult");
    xml.text("Bucket", call.bucket).text("Key", call.key).text("UploadId", upload.id);
    write_owner(xml, service);
    xml.text("StorageClass", storage_class_name(upload.attributes.storage_class));
    write_checksum_kind(xml, upload);
    auto first = upload.parts.upper_bound(static_cast<unsigned>(marker));
    auto end = first;
    for (std::uint64_t count = 0; end != upload.parts.end() && count < max; ++count) ++end;
    unsigned last = end == upload.parts.begin() || end == first ? 0 : std::prev(end)->first;
    xml.number("PartNumberMarker", marker).number("NextPartNumberMarker", last).number("MaxParts", max);
    xml.truth("IsTruncated", end != upload.parts.end());
    for (auto part = first; part != end; ++part) {
        xml.open("Part").number("PartNumber", part->first);
        xml.text("LastModified", xml_time(part->second.modified)).text("ETag", '"' + part->second.md5 + '"');
        xml.number("Size", part->second.blob->size_bytes());
        if (upload.algorithm) xml.text(checksum_element(*upload.algorithm), part->second.checksum);
        xml.close("Part");
    }
    return xml_response(xml.finish());
}

Response list_multipart_uploads(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    std::uint64_t max = list_max(call, "max-uploads");
    std::string prefix = list_parameter(call, "prefix");
    std::string delimiter = list_parameter(call, "delimiter");
    std::string key_marker = list_parameter(call, "key-marker");
    std::string id_marker = list_parameter(call, "upload-id-marker");
    std::vector<const Upload*> uploads = sorted_uploads(bucket, prefix);
    skip_marked(uploads, key_marker, id_marker);

    std::set<std::string> prefixes;
    std::vector<const Upload*> listed;
    const Upload* last = nullptr;
    bool more = false;
    for (const Upload* upload : uploads) {
        std::string rolled = rolled_up(upload->key, prefix, delimiter);
        bool known = !rolled.empty() && prefixes.contains(rolled);
        more = !known && listed.size() + prefixes.size() == max;
        if (more) break;
        last = upload;
        if (rolled.empty())
            listed.push_back(upload);
        else
            prefixes.insert(std::move(rolled));
    }

    ListXml xml("ListMultipartUploadsResult", ListFormat::parse(call), call.now);
    xml.text("Bucket", call.bucket).text("KeyMarker", xml.encoded(key_marker));
    xml.text("UploadIdMarker", id_marker).text("Prefix", xml.encoded(prefix));
    xml.number("MaxUploads", max);
    xml.kind(delimiter, more);
    if (more && last != nullptr)
        xml.text("NextKeyMarker", xml.encoded(last->key)).text("NextUploadIdMarker", last->id);
    for (const Upload* upload : listed) {
        xml.open("Upload").text("Key", xml.encoded(upload->key)).text("UploadId", upload->id);
        write_owner(xml, service);
        xml.text("StorageClass", storage_class_name(upload->attributes.storage_class));
        xml.text("Initiated", xml_time(upload->initiated));
        write_checksum_kind(xml, *upload);
        xml.close("Upload");
    }
    xml.common_prefixes({prefixes.begin(), prefixes.end()});
    return xml_response(xml.finish());
}

}  // namespace icecore::sim::s3
