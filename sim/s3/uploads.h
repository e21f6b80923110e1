#pragma once

#include <cstdint>
#include <string>

#include "sim/s3/call.h"

namespace icecore::sim::s3 {

/// What the operations on multipart uploads share.

inline constexpr unsigned kPartNumberMax = 10'000;
inline constexpr std::uint64_t kPartBytesMin = 5 << 20;  ///< of all parts but the last
inline constexpr std::uint64_t kPartBytesMax = std::uint64_t{5} << 30;
/// How long a Complete can be repeated.
inline constexpr std::int64_t kRepeatSecMax = 3600;

/// The upload that uploadId of the query names, which must be of call.key. Throws ApiError{404 NoSuchUpload}.
const Upload& find_upload(const Bucket& bucket, const Call& call);
[[noreturn]] void no_such_upload(const Call& call);

}  // namespace icecore::sim::s3
