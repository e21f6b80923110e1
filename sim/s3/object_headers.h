#pragma once

#include <optional>
#include <string>

#include "sim/s3/call.h"

namespace icecore::sim::s3 {

/// What the headers of PutObject, CreateMultipartUpload and CopyObject say of the object to be: storage
/// class, Content-…, user metadata, tags, encryption, retention and legal hold. Throws ApiError.
Attributes attributes_from_headers(const Call& call);

/// A retention and a legal hold need a bucket with Object Lock, and a time in the future. Throws ApiError.
void check_lock_attributes(const Bucket& bucket, Timestamp now, const Attributes& attributes);
/// Where no retention was asked for, the bucket's default begins.
void apply_default_retention(const Bucket& bucket, Timestamp now, Attributes& attributes);
/// Throws ApiError while a version must not be deleted for good.
void check_deletable(const Call& call, const Version& version);

/// The headers that GetObject and HeadObject tell of a version, but Content-Length and checksums.
void set_object_headers(const Bucket& bucket, const Version& version, Timestamp now, Response& response);
/// x-amz-checksum-…, if the request asks for it.
void set_checksum_headers(const Call& call, const Checksum& checksum, Response& response);
/// x-amz-server-side-encryption and its key.
void set_encryption_headers(const Attributes& attributes, Response& response);

/// Where a header is given, it must be the account's own: x-amz-expected-bucket-owner. Throws ApiError.
void check_expected_owner(const Service& service, const Call& call);

}  // namespace icecore::sim::s3
