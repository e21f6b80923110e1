#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/s3/call.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {

/// What is listed on a page at most: keys, versions, uploads, parts.
inline constexpr std::uint64_t kListedMax = 1000;

/// A parameter of a listing, or "".
std::string list_parameter(const Call& call, const char* name);
/// How many entries a listing may have, by the parameter `name`. Throws ApiError.
std::uint64_t list_max(const Call& call, const char* name);

/// How a listing is to be written.
struct ListFormat {
    bool url_encoded = false;
    bool with_restore = false;

    /// Of encoding-type and x-amz-optional-object-attributes. Throws ApiError.
    static ListFormat parse(const Call& call);
};

/// Writes what several listings have in common.
class ListXml : public XmlWriter {
  public:
    ListXml(std::string_view root, ListFormat format, Timestamp now)
        : XmlWriter(root), format_(format), now_(now) {}

    /// A key or prefix, encoded as was asked for.
    std::string encoded(const std::string& text) const;
    /// Delimiter, EncodingType, IsTruncated.
    void kind(const std::string& delimiter, bool truncated);
    /// Those of an object: LastModified is the caller's.
    void etag_and_size(const Version& version);
    void storage_class(const Version& version);
    void owner(const std::string& account);
    void common_prefixes(const std::vector<std::string>& prefixes);

  private:
    ListFormat format_;
    Timestamp now_;
};

}  // namespace icecore::sim::s3
