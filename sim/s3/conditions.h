#pragma once

#include <cstdint>
#include <optional>

#include "sim/s3/call.h"

namespace icecore::sim::s3 {

/// If-None-Match: * and If-Match of a request that writes call.key. Throws ApiError: 412 PreconditionFailed,
/// 404 NoSuchKey, 501 for what S3 has not. Needs the lock.
void check_write_conditions(const Bucket& bucket, const Call& call, const std::string& key);

/// While it lives, deletions of call.key are a conflict for a write with conditions. Takes the lock.
class ConditionalWriteScope {
  public:
    ConditionalWriteScope(Service& service, const Call& call);
    /// Without the lock.
    ~ConditionalWriteScope();
    ConditionalWriteScope(const ConditionalWriteScope&) = delete;
    ConditionalWriteScope& operator=(const ConditionalWriteScope&) = delete;
    /// Throws ApiError{409 ConditionalRequestConflict} if there was one. With the lock.
    void check() const;

  private:
    Service& service_;
    std::optional<std::list<ConditionalWrite>::iterator> registered_;  ///< if there are conditions
};
/// Tells them of a deletion. With the lock.
void note_deletion(Service& service, const std::string& bucket, const std::string& key);

/// If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since of GetObject and HeadObject (RFC 9110).
/// Throws ApiError: 412 PreconditionFailed, 304 NotModified.
void check_read_conditions(const Call& call, const Version& version);

}  // namespace icecore::sim::s3
