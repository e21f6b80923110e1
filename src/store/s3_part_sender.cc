#include "store/s3_part_sender.h"

#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "store/s3_digests.h"
#include "store/s3_put.h"

namespace icecore::store {

S3PartSender::S3PartSender(S3PartsUnderWay& upload, cloud::S3Options options)
    : upload_(upload), client_(std::move(options)) {}

void S3PartSender::send(std::size_t index, PartContent& content, const Digests& digests) {
    auto number = static_cast<unsigned>(index + 1);
    auto unproven = [&](std::string_view why) {
        throw_unproven(format("storing part {} of {}", number, client_.url_of(upload_.key)), why);
    };
    std::string md5 = upload_.md5_first ? md5_of(content) : "";
    cloud::S3Content bytes{&content.source(), content.offset(), content.length_bytes(), digests.sha256};
    cloud::S3Stored stored;
    try {
        stored = client_.upload_part(upload_.key, upload_.upload_id, number, bytes);
    } catch (const Error& e) {
        if (e.kind() == Error::Kind::invalid) note_refused(number);
        throw;
    }
    if (stored.checksum.sha256.empty()) {
        upload_.md5_first = true;
        if (md5.empty()) md5 = md5_of(content);
        if (stored.etag != to_hex(md5)) unproven("the store confirms neither SHA-256 nor MD5 of it");
    } else if (stored.checksum.sha256 != digests.sha256) {
        unproven("the service has computed another SHA-256 than we have");
    }
    upload_.parts[index] = {stored.etag, stored.checksum.sha256, digests.tree_hash, md5};
}

void S3PartSender::note_refused(unsigned number) {
    unsigned highest = upload_.refused;
    while (number > highest && !upload_.refused.compare_exchange_weak(highest, number)) {
    }
}

}  // namespace icecore::store
