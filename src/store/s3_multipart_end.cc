#include <optional>
#include <vector>

#include "base/error.h"
#include "store/part_content.h"
#include "store/s3_multipart_put.h"

namespace icecore::store {

using cloud::S3Checksum;
using cloud::S3Head;
using cloud::S3Part;
using cloud::S3Stored;
using cloud::ServiceError;
using Answer = S3Features::Answer;
using Kind = Error::Kind;

/// That what has arrived makes up what was sealed.
void S3MultipartPut::prove() {
    if (tree_hash_of(way_.parts) == upload_.tree_hash) return;
    client_.abort_upload(key_, notes_.upload_id);
    notes_ = {};
    save();
    wrong_source(upload_);
}

/// False if the service does not know the upload any more, and has no such object either.
bool S3MultipartPut::complete() {
    std::vector<S3Part> parts;
    for (std::size_t i = 0; i < way_.parts.size(); ++i)
        parts.push_back(
            {static_cast<unsigned>(i + 1), layout_.length(i), way_.parts[i].etag, way_.parts[i].sha256});
    S3Checksum checksum = composite_of(way_.parts);
    learn_checksums(checksum);
    S3Stored stored;
    try {
        stored = client_.complete_upload(key_, notes_.upload_id, parts, checksum, conditional());
    } catch (const ServiceError& e) {
        if (e.status() == 412) return end_existing();
        if (e.status() == 501 && conditional()) {
            features_.learn([](S3Features& features) { features.conditional = Answer::no; });
            return complete();
        }
        if (e.kind() != Kind::not_found) throw;
        return confirm_existing();  // the reply to the first try was lost, or it was forgotten
    }
    confirm(stored, checksum);
    confirm_lock();
    return true;
}

/// Not every store takes the lock that stands in the request that begins an upload (Ceph).
void S3MultipartPut::confirm_lock() {
    cloud::S3ObjectOptions wanted = object_options();
    if (wanted.lock_mode.empty()) return;
    std::string version_id;
    std::optional<Timestamp> until;
    try {
        if (std::optional<S3Head> head = client_.head_object(key_)) {
            version_id = head->version_id;
            until = head->locked_until;
        }
    } catch (const Error& e) {
        if (e.kind() != Kind::denied) throw;  // a key that may store and not read
        until = client_.get_retention(key_, "");
    }
    if (until.value_or(Timestamp{}) < wanted.locked_until)
        client_.put_retention(key_, version_id, wanted.lock_mode, wanted.locked_until);
}

bool S3MultipartPut::conditional() const {
    return !upload_.replace && features_.get().conditional != Answer::no;
}

/// An object of this name came into being meanwhile: ours, or one that keeps ours out.
bool S3MultipartPut::end_existing() {
    bool same = confirm_existing();
    client_.abort_upload(key_, notes_.upload_id);
    return same;
}

void S3MultipartPut::confirm(const S3Stored& stored, const S3Checksum& checksum) {
    if (!checksum.sha256.empty() && stored.checksum == checksum) return;
    // The reply does not say it: then HEAD does.
    std::optional<S3Head> head = client_.head_object(key_);
    if (!head || head->size_bytes != layout_.size_bytes) unproven("it is not there as it was sent");
    if (!checksum.sha256.empty() && !head->checksum.sha256.empty()) {
        if (head->checksum != checksum) unproven("the service has computed another SHA-256 than we have");
    } else if (head->etag != etag_of(way_.parts)) {
        unproven("the store confirms neither SHA-256 nor MD5 of what it has");
    }
}

/// All parts had arrived when the run before ended: has it become an object?
bool S3MultipartPut::complete_again() {
    if (confirm_existing()) {
        client_.abort_upload(key_, notes_.upload_id);
        return true;
    }
    notes_.completing = false;
    return false;
}

}  // namespace icecore::store
