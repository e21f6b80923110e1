#pragma once

#include "store/s3_features.h"
#include "store/s3_target.h"

namespace icecore::store {

/// What a put to a bucket needs besides the object: all of it must outlive the call.
struct S3PutContext {
    const S3TargetOptions& options;  ///< storage classes are filled in
    cloud::S3Client& client;
    S3FeatureMemory& features;
};

/// Target::put() for a bucket; `key` is that of the object.
void upload_to_bucket(const S3PutContext& context, const std::string& key, const Upload& upload,
                      RandomAccessSource& source, ResumeState& resume,
                      const std::function<void(std::uint64_t)>& sent);

/// The digests of the whole that an object's HEAD tells: its own checksum, or our metadata. None where it
/// tells none.
struct S3Digests {
    Digest sha256;
    Digest tree_hash;
};
S3Digests digests_of(const cloud::S3Head& head);

}  // namespace icecore::store
