#pragma once

#include <cstddef>
#include <vector>

#include "store/part_sender.h"
#include "store/s3_part_sender.h"
#include "store/s3_parts.h"
#include "store/s3_put.h"

namespace icecore::store {

/// One object on its way to a bucket in parts: begun or gone on with (s3_multipart_put.cc), and brought to
/// its end with a proof (s3_multipart_end.cc).
class S3MultipartPut : public S3Put {
  public:
    S3MultipartPut(const S3PutContext& context, const std::string& key, const Upload& upload,
                   RandomAccessSource& source, ResumeState& resume,
                   const std::function<void(std::uint64_t)>& sent);
    /// Once.
    void run();

  private:
    void open();
    void begin();
    void abort_unknown();
    bool list_parts();
    S3PartState looked_at(std::size_t index, const cloud::S3Part& part);
    void send_missing();
    void note(const std::vector<std::size_t>& indexes);
    bool wants_fewer_parts(const Error& error);
    void save();

    void prove();
    bool complete();
    bool complete_again();
    bool conditional() const;
    bool end_existing();
    void confirm(const cloud::S3Stored& stored, const cloud::S3Checksum& checksum);
    void confirm_lock();

    ResumeState& resume_;
    PartLayout layout_;
    S3UploadNotes notes_;
    S3PartsUnderWay way_;
    std::size_t unsaved_parts_ = 0;
};

}  // namespace icecore::store
