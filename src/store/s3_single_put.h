#pragma once

#include <optional>
#include <string>

#include "store/part_content.h"
#include "store/s3_digests.h"
#include "store/s3_put.h"

namespace icecore::store {

/// One object on its way to a bucket in one request.
class S3SinglePut : public S3Put {
  public:
    using S3Put::S3Put;
    /// Once.
    void run();

  private:
    cloud::S3Stored send(PartContent& content, bool create_only);
    [[noreturn]] void refuse(const cloud::ServiceError& error, PartContent& content) const;
    void prove(const cloud::S3Stored& stored, PartContent& content);
    void probe_conditional(PartContent& content);

    std::optional<S3Hashes> hashes_;  ///< with the MD5
};

}  // namespace icecore::store
