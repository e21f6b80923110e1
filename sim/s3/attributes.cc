#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::array<std::string_view, 5> kKnown = {"ETag", "Checksum", "ObjectParts", "StorageClass",
                                                    "ObjectSize"};
constexpr std::uint64_t kPartsMax = 1000;

/// The names in x-amz-object-attributes, which may be there several times.
std::set<std::string> wanted_attributes(const Request& request) {
    std::set<std::string> out;
    for (const HttpHeader& header : request.headers) {
        if (lower_case(header.name) != "x-amz-object-attributes") continue;
        std::string_view left = header.value;
        while (!left.empty()) {
            std::string_view item = left.substr(0, left.find(','));
            left.remove_prefix(std::min(left.size(), item.size() + 1));
            while (item.starts_with(' ')) item.remove_prefix(1);
            while (item.ends_with(' ')) item.remove_suffix(1);
            if (std::find(kKnown.begin(), kKnown.end(), item) == kKnown.end())
                invalid_argument("Invalid attribute name specified.", "x-amz-object-attributes",
                                 std::string(item));
            out.emplace(item);
        }
    }
    if (out.empty())
        invalid_argument(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either "
            "missing or empty");
    return out;
}

std::uint64_t number_header(const Call& call, const char* name, std::uint64_t fallback) {
    std::string text = call.header(name);
    if (text.empty()) return fallback;
    std::optional<std::uint64_t> value = parse_decimal(text);
    if (!value) invalid_argument("The argument is no number", name, text);
    return *value;
}

/// Parts are told one by one only if they have checksums of their own, as with S3.
void write_parts(XmlWriter& xml, const Call& call, const Version& version) {
    std::uint64_t marker = number_header(call, "x-amz-part-number-marker", 0);
    std::uint64_t max = std::min(number_header(call, "x-amz-max-parts", kPartsMax), kPartsMax);
    bool composite = version.checksum.type == ChecksumType::composite;
    xml.open("ObjectParts").number("PartsCount", version.parts.size());
    if (composite) {
        std::uint64_t last = marker;
        bool more = false;
        std::uint64_t count = 0;
        xml.number("PartNumberMarker", marker).number("MaxParts", max);
        for (const Part& part : version.parts) {
            if (part.number <= marker) continue;
            more = count == max;
            if (more) break;
            xml.open("Part").number("PartNumber", part.number).number("Size", part.blob->size_bytes());
            xml.text(checksum_element(version.checksum.algorithm), part.checksum).close("Part");
            last = part.number;
            ++count;
        }
        xml.number("NextPartNumberMarker", last).truth("IsTruncated", more);
    }
    xml.close("ObjectParts");
}

}  // namespace

Response get_object_attributes(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    const Version& version = find_object(bucket, call);
    call.billed_class = version.attributes.storage_class;
    std::set<std::string> wanted = wanted_attributes(call.request);
    XmlWriter xml("GetObjectAttributesResponse");
    if (wanted.contains("ETag")) xml.text("ETag", version.etag);
    if (wanted.contains("Checksum") && !version.checksum.value.empty()) {
        // Here a composite checksum stands without the number of its parts.
        std::string value = version.checksum.value.substr(0, version.checksum.value.find('-'));
        xml.open("Checksum").text(checksum_element(version.checksum.algorithm), value);
        xml.text("ChecksumType", type_name(version.checksum.type)).close("Checksum");
    }
    if (wanted.contains("ObjectParts") && version.multipart) write_parts(xml, call, version);
    if (wanted.contains("StorageClass"))
        xml.text("StorageClass", storage_class_name(version.attributes.storage_class));
    if (wanted.contains("ObjectSize")) xml.number("ObjectSize", version.size_bytes);
    Response out = xml_response(xml.finish());
    out.set("Last-Modified", http_time(version.created));
    set_version_id(bucket, version, out);
    return out;
}

}  // namespace icecore::sim::s3
