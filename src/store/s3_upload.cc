#include "store/s3_upload.h"

#include "store/s3_multipart_put.h"
#include "store/s3_single_put.h"

namespace icecore::store {

void upload_to_bucket(const S3PutContext& context, const std::string& key, const Upload& upload,
                      RandomAccessSource& source, ResumeState& resume,
                      const std::function<void(std::uint64_t)>& sent) {
    if (source.size_bytes() <= context.options.single_bytes_max)
        S3SinglePut(context, key, upload, source, sent).run();
    else
        S3MultipartPut(context, key, upload, source, resume, sent).run();
}

}  // namespace icecore::store
