#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/aws_client.h"
#include "cloud/s3_types.h"

namespace icecore::cloud {

/// Reading the XML of S3's answers. All throw Error{corrupt} for what is no XML, is cut off, has a document
/// type (nothing is ever expanded), is nested deeper than 16 elements or has more than 100,000 tags; and for
/// what is missing or out of range.

/// The Error element; empty if the text holds something else. `region` and `endpoint` are what it says the
/// right ones are.
struct S3ErrorReply {
    ErrorReply error;
    std::string region;
    std::string endpoint;
};
S3ErrorReply parse_s3_error(std::string_view xml);

/// One page of a listing. `next` are the parameters of the request for the next page; empty at the end.
struct S3Page {
    std::vector<std::pair<std::string, std::string>> next;
};

struct S3ObjectsPage : S3Page {
    std::vector<S3Object> objects;
};
/// ListObjectsV2, with encoding-type=url.
S3ObjectsPage parse_objects(std::string_view xml);
/// ListObjectVersions, with encoding-type=url: versions and delete markers in the service's order.
S3ObjectsPage parse_versions(std::string_view xml);

struct S3PartsPage : S3Page {
    std::vector<S3Part> parts;
};
S3PartsPage parse_parts(std::string_view xml);

struct S3UploadsPage : S3Page {
    std::vector<S3Upload> uploads;
};
/// ListMultipartUploads, with encoding-type=url.
S3UploadsPage parse_uploads(std::string_view xml);

/// InitiateMultipartUploadResult: the upload's id.
std::string parse_upload_id(std::string_view xml);
/// CompleteMultipartUploadResult.
S3Stored parse_completed(std::string_view xml);
/// LocationConstraint, whose oldest region has no name: "us-east-1".
std::string parse_location(std::string_view xml);
/// VersioningConfiguration: whether versions are kept of what is changed from now on.
bool parse_versioning(std::string_view xml);
S3LockConfiguration parse_lock(std::string_view xml);
/// Retention: until when; nullopt without.
std::optional<Timestamp> parse_retention(std::string_view xml);
std::vector<S3LifecycleRule> parse_lifecycle(std::string_view xml);

/// `xml`, a LifecycleConfiguration or empty, with a rule more: unfinished uploads below `prefix` are given
/// up after `days` days. Other rules stay as they are; one of the same id is replaced.
std::string with_abort_rule(std::string_view xml, std::string_view id, std::string_view prefix,
                            unsigned days);

/// Text for an element's content.
std::string xml_escape(std::string_view text);

/// Without the quotes that surround it.
std::string unquoted_etag(std::string_view etag);

}  // namespace icecore::cloud
