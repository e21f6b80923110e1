#include "sim/s3/list_xml.h"

#include <algorithm>

#include "cloud/http.h"
#include "sim/s3/object_headers.h"

namespace icecore::sim::s3 {

std::string list_parameter(const Call& call, const char* name) {
    const std::string* value = call.parameter(name);
    return value == nullptr ? std::string() : *value;
}

std::uint64_t list_max(const Call& call, const char* name) {
    return std::min(number_parameter(call, name, kListedMax, INT32_MAX), kListedMax);
}

ListFormat ListFormat::parse(const Call& call) {
    std::string encoding = list_parameter(call, "encoding-type");
    if (!encoding.empty() && encoding != "url")
        invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", encoding);
    std::string extra = call.header("x-amz-optional-object-attributes");
    if (!extra.empty() && extra != "RestoreStatus")
        invalid_argument("Invalid attribute name specified", "x-amz-optional-object-attributes", extra);
    return {encoding == "url", !extra.empty()};
}

std::string ListXml::encoded(const std::string& text) const {
    return format_.url_encoded ? cloud::percent_encode(text, true) : text;
}

void ListXml::kind(const std::string& delimiter, bool truncated) {
    if (!delimiter.empty()) text("Delimiter", encoded(delimiter));
    if (format_.url_encoded) text("EncodingType", "url");
    truth("IsTruncated", truncated);
}

void ListXml::etag_and_size(const Version& version) {
    text("ETag", '"' + version.etag + '"');
    if (!version.checksum.value.empty()) {
        text("ChecksumAlgorithm", algorithm_name(version.checksum.algorithm));
        text("ChecksumType", type_name(version.checksum.type));
    }
    number("Size", version.size_bytes);
}

void ListXml::storage_class(const Version& version) {
    text("StorageClass", storage_class_name(version.attributes.storage_class));
    const Restore* restore = format_.with_restore ? current_restore(version, now_) : nullptr;
    if (restore == nullptr) return;
    bool ongoing = now_ < restore->ready;
    open("RestoreStatus").truth("IsRestoreInProgress", ongoing);
    if (!ongoing) text("RestoreExpiryDate", xml_time(restore->expiry));
    close("RestoreStatus");
}

void ListXml::owner(const std::string& account) {
    open("Owner").text("ID", account).close("Owner");
}

void ListXml::common_prefixes(const std::vector<std::string>& prefixes) {
    for (const std::string& prefix : prefixes)
        open("CommonPrefixes").text("Prefix", encoded(prefix)).close("CommonPrefixes");
}

}  // namespace icecore::sim::s3
