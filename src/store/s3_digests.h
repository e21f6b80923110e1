#pragma once

#include <map>
#include <string>

#include "cloud/s3_types.h"
#include "store/part_content.h"
#include "store/target.h"

namespace icecore::store {

/// The digests of the whole that an object's HEAD tells: its own checksum, or our metadata. None where it
/// tells none.
struct S3Digests {
    Digest sha256;
    Digest tree_hash;
};
S3Digests digests_of(const cloud::S3Head& head);

/// What digests_of() finds again: metadata of the object that is to be stored.
std::map<std::string, std::string> metadata_of(const Upload& upload);

/// What is computed of bytes that are sent to a bucket.
struct S3Hashes {
    Digest sha256;
    Digest tree_hash;
    std::string md5;  ///< raw; empty where it is not asked for
};
S3Hashes hashes_of(PartContent& content, bool with_md5);
/// Raw.
std::string md5_of(PartContent& content);

}  // namespace icecore::store
