#include <utility>

#include "sim/s3/list_xml.h"
#include "sim/s3/listing.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"

namespace icecore::sim::s3 {
namespace {

struct Query {
    std::string prefix;
    std::string delimiter;
    std::string key_marker;
    std::string version_marker;  ///< with key_marker only: of its versions those behind this one
    std::uint64_t count_max = 0;
};

Query parse_query(const Call& call) {
    Query out{list_parameter(call, "prefix"), list_parameter(call, "delimiter"),
              list_parameter(call, "key-marker"), list_parameter(call, "version-id-marker"),
              list_max(call, "max-keys")};
    if (!out.version_marker.empty() && out.key_marker.empty())
        invalid_argument("A version-id marker cannot be specified without a key marker.", "version-id-marker",
                         out.version_marker);
    return out;
}

/// Keys in order, of each the newest version first.
class Lister {
  public:
    Lister(const Service& service, const Call& call, const Bucket& bucket)
        : service_(service),
          bucket_(bucket),
          query_(parse_query(call)),
          xml_("ListVersionsResult", ListFormat::parse(call), call.now) {}

    std::string list() {
        walk();
        xml_.text("Name", bucket_.name).text("Prefix", xml_.encoded(query_.prefix));
        xml_.text("KeyMarker", xml_.encoded(query_.key_marker));
        xml_.text("VersionIdMarker", query_.version_marker).number("MaxKeys", query_.count_max);
        xml_.kind(query_.delimiter, truncated_);
        if (truncated_) {
            xml_.text("NextKeyMarker", xml_.encoded(last_key_));
            if (!last_version_.empty()) xml_.text("NextVersionIdMarker", last_version_);
        }
        for (const auto& [key, version] : versions_) write(*key, *version);
        xml_.common_prefixes(prefixes_);
        return xml_.finish();
    }

  private:
    using Place = std::map<std::string, Versions>::const_iterator;

    Place begin() const {
        const std::string& marker = query_.key_marker;
        if (marker < query_.prefix) return bucket_.keys.lower_bound(query_.prefix);
        if (is_common_prefix(marker, query_.prefix, query_.delimiter)) return behind_prefix(bucket_, marker);
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
            std::string rolled = rolled_up(at->first, query_.prefix, query_.delimiter);
            if (!rolled.empty()) {
                if (!take_room()) break;
                prefixes_.push_back(rolled);
                last_key_ = std::move(rolled);
                last_version_.clear();
                at = behind_prefix(bucket_, last_key_);
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

    void write(const std::string& key, const Version& version) {
        const char* element = version.delete_marker ? "DeleteMarker" : "Version";
        xml_.open(element).text("Key", xml_.encoded(key)).text("VersionId", version.id);
        xml_.truth("IsLatest", &bucket_.keys.at(key).back() == &version);
        xml_.text("LastModified", xml_time(version.created));
        if (!version.delete_marker) {
            xml_.etag_and_size(version);
            xml_.storage_class(version);
        }
        xml_.owner(service_.account);
        xml_.close(element);
    }

    const Service& service_;
    const Bucket& bucket_;
    Query query_;
    ListXml xml_;
    std::vector<std::pair<const std::string*, const Version*>> versions_;
    std::vector<std::string> prefixes_;
    bool truncated_ = false;
    std::string last_key_;
    std::string last_version_;
};

}  // namespace

Response list_object_versions(Service& service, Call& call) {
    check_expected_owner(service, call);
    return xml_response(Lister(service, call, find_bucket(service, call)).list());
}

}  // namespace icecore::sim::s3
