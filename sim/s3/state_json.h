#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/json_document.h"
#include "sim/bill_lines.h"
#include "sim/s3/state.h"

namespace icecore::sim::s3 {

/// What the journal says of things. Names and keys are escaped (base/text.h), as they may hold any bytes.

/// Finds or makes the blob of an id.
using BlobFinder = std::function<std::shared_ptr<Blob>(const std::string& id, std::uint64_t size_bytes)>;

/// Settings only: neither keys nor uploads.
Json bucket_to_json(const Bucket& bucket);
Bucket bucket_from_json(const Json& json);

Json version_to_json(const Version& version);
Version version_from_json(const Json& json, const BlobFinder& blobs);
/// What of a version can change after it was made.
Json changes_to_json(const Version& version);
void take_changes(const Json& json, Version& version);

/// Without its parts.
Json upload_to_json(const Upload& upload);
Upload upload_from_json(const Json& json);

Json part_to_json(const Part& part);
Part part_from_json(const Json& json, const BlobFinder& blobs);

Json interval_to_json(const S3Interval& interval);
S3Interval interval_from_json(const Json& json);

}  // namespace icecore::sim::s3
