#include "store/s3_single_put.h"

#include <functional>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::store {

using cloud::S3Stored;
using cloud::ServiceError;
using Answer = S3Features::Answer;
using Kind = Error::Kind;

void S3SinglePut::run() {
    bool create_only = !upload_.replace;
    // Where a conditional write cannot be relied upon, a look before it does most of what it would do.
    if (create_only && features_.get().conditional != Answer::yes && confirm_existing()) return tell_rest();
    Buffer buffer;
    PartContent content(source_, 0, source_.size_bytes(), buffer);
    // A store that confirms by MD5 alone: it is computed of what is in memory, and sent from there.
    if (want_md5()) hashes_ = hashes_of(content, true);
    S3Stored stored;
    try {
        stored = send(content, create_only && features_.get().conditional != Answer::no);
    } catch (const ServiceError& e) {
        if (e.status() != 412) refuse(e, content);
        if (!confirm_existing())
            throw Error(Kind::transient,
                        format("{}: the store says that it is there, and it is not", doing()));
        return tell_rest();
    }
    prove(stored, content);
    tell_rest();
    if (create_only && features_.get().conditional == Answer::unknown) probe_conditional(content);
}

S3Stored S3SinglePut::send(PartContent& content, bool create_only) {
    std::function<void(std::uint64_t)> listener = [this](std::uint64_t bytes) { tell(bytes); };
    ListenedSource listened(content.source(), listener);
    cloud::S3Content sending{&listened, 0, content.length_bytes(), upload_.sha256};
    try {
        return client_.put_object(key_, object_options(), sending, create_only, doing());
    } catch (const ServiceError& e) {
        if (!create_only || e.status() != 501) throw;
        features_.learn([](S3Features& features) { features.conditional = Answer::no; });
        return client_.put_object(key_, object_options(), sending, false, doing());
    }
}

/// The service did not take it. If what is read is not what was sealed, that is why.
void S3SinglePut::refuse(const ServiceError& error, PartContent& content) const {
    if (error.kind() == Kind::invalid || error.kind() == Kind::denied || error.kind() == Kind::corrupt) {
        S3Hashes hashes = hashes_of(content, false);
        if (hashes.sha256 != upload_.sha256 || hashes.tree_hash != upload_.tree_hash) wrong_source(upload_);
    }
    throw ServiceError(error);
}

void S3SinglePut::prove(const S3Stored& stored, PartContent& content) {
    learn_checksums(stored.checksum);
    if (!stored.checksum.sha256.empty()) {
        if (stored.checksum.sha256 != upload_.sha256 || stored.checksum.parts > 0)
            unproven("the service has computed another SHA-256 than we have");
        return;
    }
    if (!hashes_) hashes_ = hashes_of(content, true);
    if (hashes_->sha256 != upload_.sha256) wrong_source(upload_);
    if (stored.etag != to_hex(hashes_->md5))
        unproven("the store confirms neither SHA-256 nor MD5 of what it has");
}

/// Stores what is there once more: a store that keeps conditions refuses, and to one that does not
/// nothing happens but that the object is replaced by its like. Only for what may be replaced for free.
void S3SinglePut::probe_conditional(PartContent& content) {
    if (upload_.temperature == Temperature::cold && !options_.storage_class.value_or("").empty()) return;
    if (!object_options().lock_mode.empty()) return;
    Answer answer = Answer::no;
    try {
        client_.put_object(key_, object_options(),
                           {&content.source(), 0, content.length_bytes(), upload_.sha256}, true, doing());
    } catch (const ServiceError& e) {
        if (e.status() != 412) throw;
        answer = Answer::yes;
    }
    features_.learn([&](S3Features& features) { features.conditional = answer; });
}

}  // namespace icecore::store
