#include <optional>
#include <string>

#include "base/base64.h"
#include "sim/s3/list_xml.h"
#include "sim/s3/listing.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"

namespace icecore::sim::s3 {
namespace {

ListQuery parse_query(const Call& call, const char* after) {
    return {list_parameter(call, "prefix"), list_parameter(call, "delimiter"), list_parameter(call, after),
            list_max(call, "max-keys")};
}

/// What both versions of the operation write alike.
class ObjectsXml : public ListXml {
  public:
    ObjectsXml(const Service& service, const Call& call, bool with_owner)
        : ListXml("ListBucketResult", ListFormat::parse(call), call.now),
          service_(service),
          call_(call),
          with_owner_(with_owner) {}

    void head(const ListQuery& query, const ListPage& page) {
        text("Name", call_.bucket).text("Prefix", encoded(query.prefix));
        number("MaxKeys", query.keys_max);
        kind(query.delimiter, page.truncated);
    }

    void body(const ListPage& page) {
        for (const auto& [key, version] : page.keys) {
            open("Contents").text("Key", encoded(*key)).text("LastModified", xml_time(version->created));
            etag_and_size(*version);
            if (with_owner_) owner(service_.account);
            storage_class(*version);
            close("Contents");
        }
        common_prefixes(page.prefixes);
    }

  private:
    const Service& service_;
    const Call& call_;
    bool with_owner_;
};

/// A continuation token is the last name that was given, in a form that nobody takes for one.
constexpr std::string_view kTokenMark = "1";

std::string make_token(const std::string& last) {
    return std::string(kTokenMark) + to_base64(last);
}

std::string read_token(const std::string& token) {
    std::optional<std::string> last;
    if (token.starts_with(kTokenMark)) last = from_base64(std::string_view(token).substr(kTokenMark.size()));
    if (!last) invalid_argument("The continuation token provided is incorrect", "continuation-token", token);
    return *last;
}

}  // namespace

Response list_objects(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    ListQuery query = parse_query(call, "marker");
    ObjectsXml xml(service, call, true);
    ListPage page = list_keys(bucket, query);
    xml.head(query, page);
    xml.text("Marker", xml.encoded(query.after));
    // Without a delimiter the last key says where to go on.
    if (page.truncated && !query.delimiter.empty()) xml.text("NextMarker", xml.encoded(page.last));
    xml.body(page);
    return xml_response(xml.finish());
}

Response list_objects_v2(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    if (*call.parameter("list-type") != "2")
        invalid_argument("Invalid list-type value", "list-type", *call.parameter("list-type"));
    ListQuery query = parse_query(call, "start-after");
    ObjectsXml xml(service, call, list_parameter(call, "fetch-owner") == "true");
    std::string start_after = query.after;
    const std::string* token = call.parameter("continuation-token");
    if (token != nullptr) query.after = read_token(*token);
    ListPage page = list_keys(bucket, query);
    xml.head(query, page);
    xml.number("KeyCount", page.keys.size() + page.prefixes.size());
    if (!start_after.empty()) xml.text("StartAfter", xml.encoded(start_after));
    if (token != nullptr) xml.text("ContinuationToken", *token);
    if (page.truncated) xml.text("NextContinuationToken", make_token(page.last));
    xml.body(page);
    return xml_response(xml.finish());
}

}  // namespace icecore::sim::s3
