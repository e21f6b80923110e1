#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/aws_client.h"
#include "cloud/s3_client.h"
#include "cloud/s3_types.h"

namespace icecore::cloud {

/// What S3 has in the heads of requests and answers; its XML is s3_reply.h's.

/// Value of the header, or "".
const std::string& header_or_empty(const HttpResponse& response, std::string_view name);
/// Of an answer to what stored something: ETag, checksum, version. Throws Error{corrupt} if there is no ETag:
/// then it is no store's.
S3Stored stored_of(const HttpResponse& response);
/// Of an answer to HEAD. Throws Error{corrupt} likewise, and for a length that is no number.
S3Head head_of(const HttpResponse& response);
/// The encryption that an answer tells of: "AES256", "aws:kms", or "".
const std::string& encryption_of(const HttpResponse& response);
/// Throws Error{unsupported} if `sse` asks for an encryption, and another is `confirmed`, or none. Which key
/// it is with is the service's to say: an alias and the key's own name are one.
void check_encryption(const std::string& sse, const std::string& confirmed);
/// Throws Error{corrupt} unless "Content-Range: bytes 0-1048575/8388608" says what was asked for.
void check_range(const HttpResponse& response, std::uint64_t offset, std::uint64_t length_bytes);

/// Adds storage class, encryption, lock and metadata.
void add_object_headers(std::vector<HttpHeader>& headers, const S3ObjectOptions& object);
/// The request with these bytes and their checksum.
AwsRequest with_content(AwsRequest request, const S3Content& content);
/// The request with a text and the checksums that some operations demand, in the old way and the new one.
AwsRequest with_xml(AwsRequest request, std::string body);

}  // namespace icecore::cloud
