#include <algorithm>
#include <optional>
#include <string>

#include "cloud/http.h"
#include "sim/s3/listing.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::uint64_t kKeysMax = 1000;

/// What a listing is asked for, and what of it both versions of the operation write alike.
struct ListRequest {
    ListQuery query;
    bool url_encoded = false;
    bool with_owner = false;
    bool with_restore = false;
};

ListRequest parse_list(const Call& call, const char* after) {
    ListRequest out;
    auto text = [&](const char* name) {
        const std::string* value = call.parameter(name);
        return value == nullptr ? std::string() : *value;
    };
    out.query = {text("prefix"), text("delimiter"), text(after),
                 std::min(number_parameter(call, "max-keys", kKeysMax, INT32_MAX), kKeysMax)};
    std::string encoding = text("encoding-type");
    if (!encoding.empty() && encoding != "url")
        invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", encoding);
    out.url_encoded = encoding == "url";
    std::string extra = call.header("x-amz-optional-object-attributes");
    if (!extra.empty() && extra != "RestoreStatus")
        invalid_argument("Invalid attribute name specified", "x-amz-optional-object-attributes", extra);
    out.with_restore = !extra.empty();
    return out;
}

class ListWriter {
  public:
    ListWriter(const Service& service, const Call& call, const ListRequest& request)
        : service_(service), call_(call), request_(request) {}

    std::string encoded(const std::string& text) const {
        return request_.url_encoded ? cloud::percent_encode(text, true) : text;
    }

    /// Name, prefix, delimiter, limits.
    void head(const ListPage& page) {
        xml.text("Name", call_.bucket).text("Prefix", encoded(request_.query.prefix));
        xml.number("MaxKeys", request_.query.keys_max);
        if (!request_.query.delimiter.empty()) xml.text("Delimiter", encoded(request_.query.delimiter));
        if (request_.url_encoded) xml.text("EncodingType", "url");
        xml.truth("IsTruncated", page.truncated);
    }

    void body(const ListPage& page) {
        for (const ListedKey& entry : page.keys) contents(*entry.key, *entry.version);
        for (const std::string& prefix : page.prefixes)
            xml.open("CommonPrefixes").text("Prefix", encoded(prefix)).close("CommonPrefixes");
    }

    XmlWriter xml{"ListBucketResult"};

  private:
    void contents(const std::string& key, const Version& version) {
        xml.open("Contents").text("Key", encoded(key)).text("LastModified", xml_time(version.created));
        xml.text("ETag", '"' + version.etag + '"');
        if (!version.checksum.value.empty()) {
            xml.text("ChecksumAlgorithm", algorithm_name(version.checksum.algorithm));
            xml.text("ChecksumType", type_name(version.checksum.type));
        }
        xml.number("Size", version.size_bytes);
        if (request_.with_owner) xml.open("Owner").text("ID", service_.account).close("Owner");
        xml.text("StorageClass", storage_class_name(version.attributes.storage_class));
        if (request_.with_restore) restore_status(version);
        xml.close("Contents");
    }

    void restore_status(const Version& version) {
        const Restore* restore = current_restore(version, call_.now);
        if (restore == nullptr) return;
        bool ongoing = call_.now < restore->ready;
        xml.open("RestoreStatus").truth("IsRestoreInProgress", ongoing);
        if (!ongoing) xml.text("RestoreExpiryDate", xml_time(restore->expiry));
        xml.close("RestoreStatus");
    }

    const Service& service_;
    const Call& call_;
    const ListRequest& request_;
};

/// A continuation token is the last name that was given, in a form that nobody takes for one.
constexpr std::string_view kTokenMark = "1";

std::string make_token(const std::string& last) {
    return std::string(kTokenMark) + base64(last);
}

std::string read_token(const std::string& token) {
    std::optional<std::string> last;
    if (token.starts_with(kTokenMark)) last = parse_base64(std::string_view(token).substr(kTokenMark.size()));
    if (!last) invalid_argument("The continuation token provided is incorrect", "continuation-token", token);
    return *last;
}

}  // namespace

Response list_objects(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    ListRequest request = parse_list(call, "marker");
    request.with_owner = true;
    ListPage page = list_keys(bucket, request.query);
    ListWriter writer(service, call, request);
    writer.head(page);
    writer.xml.text("Marker", writer.encoded(request.query.after));
    // Without a delimiter the last key says where to go on.
    if (page.truncated && !request.query.delimiter.empty())
        writer.xml.text("NextMarker", writer.encoded(page.last));
    writer.body(page);
    return xml_response(writer.xml.finish());
}

Response list_objects_v2(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    if (*call.parameter("list-type") != "2")
        invalid_argument("Invalid list-type value", "list-type", *call.parameter("list-type"));
    ListRequest request = parse_list(call, "start-after");
    const std::string* owner = call.parameter("fetch-owner");
    request.with_owner = owner != nullptr && *owner == "true";
    std::string start_after = request.query.after;
    const std::string* token = call.parameter("continuation-token");
    if (token != nullptr) request.query.after = read_token(*token);
    ListPage page = list_keys(bucket, request.query);
    ListWriter writer(service, call, request);
    writer.head(page);
    writer.xml.number("KeyCount", page.keys.size() + page.prefixes.size());
    if (!start_after.empty()) writer.xml.text("StartAfter", writer.encoded(start_after));
    if (token != nullptr) writer.xml.text("ContinuationToken", *token);
    if (page.truncated) writer.xml.text("NextContinuationToken", make_token(page.last));
    writer.body(page);
    return xml_response(writer.xml.finish());
}

}  // namespace icecore::sim::s3
