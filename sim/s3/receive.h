#pragma once

#include <memory>
#include <optional>

#include "sim/s3/blob.h"
#include "sim/s3/payload.h"
#include "sim/s3/storage.h"

namespace icecore::sim::s3 {

/// Bytes that have come and are what was claimed of them.
struct Received {
    std::shared_ptr<Blob> blob;  ///< removed with the last who holds it, until the journal uses it
    PayloadDigests digests;
};

/// Reads the body of a request into a file of its own. Memory: some MiB. Without the lock. Throws ApiError,
/// Error, ConnectionLost; nothing is left then.
Received receive(const Storage& storage, Payload& payload, std::optional<ChecksumAlgorithm> fallback);

}  // namespace icecore::sim::s3
