#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "cloud/s3_client.h"
#include "store/part_sender.h"
#include "store/s3_parts.h"

namespace icecore::store {

/// An upload whose parts several senders send at the same time: each changes no other part than its own.
struct S3PartsUnderWay {
    std::string key;
    std::string upload_id = {};
    std::vector<S3PartState> parts = {};
    /// The store confirms a part by its MD5 alone: it is computed as the part is read, before it goes out.
    std::atomic<bool> md5_first = false;
    std::atomic<unsigned> refused = 0;  ///< the highest number of a part that the store called invalid
};

/// Sends parts to a bucket over a client of its own. The reply must confirm the part's SHA-256, or its MD5.
/// `upload` must outlive it.
class S3PartSender final : public PartSender {
  public:
    S3PartSender(S3PartsUnderWay& upload, cloud::S3Options options);
    void send(std::size_t index, PartContent& content, const Digests& digests) override;

  private:
    void note_refused(unsigned number);

    S3PartsUnderWay& upload_;
    cloud::S3Client client_;
};

}  // namespace icecore::store
