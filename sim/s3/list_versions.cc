#include <algorithm>

#include "cloud/http.h"
#include "sim/s3/listing.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::uint64_t kVersionsMax = 1000;

struct Query {
    std::string prefix;
    std::string delimiter;
    std::string key_marker;
    std::string version_marker;  ///< with key_marker only: of its versions those behind this one
    std::uint64_t count_max = 0;
    bool url_encoded = false;
    bool with_restore = false;
};

Query parse_query(const Call& call) {
    auto text = [&](const char* name) {
        const std::string* value = call.parameter(name);
        return value == nullptr ? std::string() : *value;
    };
    Query out{text("prefix"), text("delimiter"), text("key-marker"), text("version-id-marker")};
    out.count_max = std::min(number_parameter(call, "max-keys", kVersionsMax, INT32_MAX), kVersionsMax);
    if (!out.version_marker.empty() && out.key_marker.empty())
        invalid_argument("A version-id marker cannot be specified without a key marker.", "version-id-marker",
                         out.version_marker);
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

/// Keys in order, of each the newest version first.
class Lister {
  public:
    Lister(const Service& service, const Call& call, const Bucket& bucket, Query query)
        : service_(service), call_(call), bucket_(bucket), query_(std::move(query)) {}

    std::string list() {
        walk();
        XmlWriter xml("ListVersionsResult");
        xml.text("Name", bucket_.name).text("Prefix", encoded(query_.prefix));
        xml.text("KeyMarker", encoded(query_.key_marker)).text("VersionIdMarker", query_.version_marker);
        xml.number("MaxKeys", query_.count_max);
        if (!query_.delimiter.empty()) xml.text("Delimiter", encoded(query_.delimiter));
        if (query_.url_encoded) xml.text("EncodingType", "url");
        xml.truth("IsTruncated", truncated_);
        if (truncated_) {
            xml.text("NextKeyMarker", encoded(last_key_));
            if (!last_version_.empty()) xml.text("NextVersionIdMarker", last_version_);
        }
        for (const auto& [key, version] : versions_) write(xml, *key, *version);
        for (const std::string& prefix : prefixes_)
            xml.open("CommonPrefixes").text("Prefix", encoded(prefix)).close("CommonPrefixes");
        return xml.finish();
    }

  private:
    using Place = std::map<std::string, Versions>::const_iterator;

    std::string encoded(const std::string& text) const {
        return query_.url_encoded ? cloud::percent_encode(text, true) : text;
    }

    Place behind(const std::string& prefix) const {
        std::string end = end_of_prefix(prefix);
        return end.empty() ? bucket_.keys.end() : bucket_.keys.lower_bound(end);
    }

    Place begin() const {
        const std::string& marker = query_.key_marker;
        if (marker < query_.prefix) return bucket_.keys.lower_bound(query_.prefix);
        bool of_prefix =
            !query_.delimiter.empty() && marker.size() > query_.prefix.size() &&
            marker.ends_with(query_.delimiter) &&
            marker.find(query_.delimiter, query_.prefix.size()) == marker.size() - query_.delimiter.size();
        if (of_prefix) return behind(marker);
        return query_.version_marker.empty() ? bucket_.keys.upper_bound(marker)
                                             : bucket_.keys.lower_bound(marker);
    }

    /// False if there was no room for it.
    bool take_room() {
        truncated_ = versions_.size() + prefixes_.size() >= query_.count_max;
        return !truncated_;
    }

    void walk() {
        for (Place at = begin(); at != bucket_.keys.end() && at->first.starts_with(query_.prefix);) {
            std::size_t end = query_.delimiter.empty()
                                  ? std::string::npos
                                  : at->first.find(query_.delimiter, query_.prefix.size());
            if (end != std::string::npos) {
                if (!take_room()) break;
                prefixes_.push_back(at->first.substr(0, end + query_.delimiter.size()));
                last_key_ = prefixes_.back();
                last_version_.clear();
                at = behind(last_key_);
            } else if (take_versions(at)) {
                ++at;
            } else {
                break;
            }
        }
        if (query_.count_max == 0) truncated_ = false;
    }

    bool take_versions(Place at) {
        bool skipping = !query_.version_marker.empty() && at->first == query_.key_marker;
        for (auto version = at->second.rbegin(); version != at->second.rend(); ++version) {
            if (skipping) {
                skipping = version->id != query_.version_marker;
                continue;
            }
            if (!take_room()) return false;
            versions_.emplace_back(&at->first, &*version);
            last_key_ = at->first;
            last_version_ = version->id;
        }
        return true;
    }

    void write(XmlWriter& xml, const std::string& key, const Version& version) const {
        const char* element = version.delete_marker ? "DeleteMarker" : "Version";
        xml.open(element).text("Key", encoded(key)).text("VersionId", version.id);
        xml.truth("IsLatest", &bucket_.keys.at(key).back() == &version);
        xml.text("LastModified", xml_time(version.created));
        if (!version.delete_marker) {
            xml.text("ETag", '"' + version.etag + '"');
            if (!version.checksum.value.empty()) {
                xml.text("ChecksumAlgorithm", algorithm_name(version.checksum.algorithm));
                xml.text("ChecksumType", type_name(version.checksum.type));
            }
            xml.number("Size", version.size_bytes);
            xml.text("StorageClass", storage_class_name(version.attributes.storage_class));
            if (query_.with_restore) write_restore(xml, version);
        }
        xml.open("Owner").text("ID", service_.account).close("Owner").close(element);
    }

    void write_restore(XmlWriter& xml, const Version& version) const {
        const Restore* restore = current_restore(version, call_.now);
        if (restore == nullptr) return;
        bool ongoing = call_.now < restore->ready;
        xml.open("RestoreStatus").truth("IsRestoreInProgress", ongoing);
        if (!ongoing) xml.text("RestoreExpiryDate", xml_time(restore->expiry));
        xml.close("RestoreStatus");
    }

    const Service& service_;
    const Call& call_;
    const Bucket& bucket_;
    Query query_;
    std::vector<std::pair<const std::string*, const Version*>> versions_;
    std::vector<std::string> prefixes_;
    bool truncated_ = false;
    std::string last_key_;
    std::string last_version_;
};

}  // namespace

Response list_object_versions(Service& service, Call& call) {
    check_expected_owner(service, call);
    return xml_response(Lister(service, call, find_bucket(service, call), parse_query(call)).list());
}

}  // namespace icecore::sim::s3
