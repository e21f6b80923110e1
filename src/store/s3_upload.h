#pragma once

#include <functional>
#include <string>

#include "store/s3_put.h"

namespace icecore::store {

/// Target::put() for a bucket; `key` is that of the object.
void upload_to_bucket(const S3PutContext& context, const std::string& key, const Upload& upload,
                      RandomAccessSource& source, ResumeState& resume,
                      const std::function<void(std::uint64_t)>& sent);

}  // namespace icecore::store
