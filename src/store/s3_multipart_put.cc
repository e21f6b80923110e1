#include "store/s3_multipart_put.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "store/part_content.h"
#include "store/s3_digests.h"
#include "store/s3_upload.h"

namespace icecore::store {
namespace {

using cloud::S3Part;
using Kind = Error::Kind;

/// How often an upload is begun whose reply is lost each time.
constexpr unsigned kBeginAttempts = 4;
/// The digests of so many parts are noted each time that one has arrived; of more, now and then.
constexpr std::size_t kNotedPartsMax = 1000;

}  // namespace

S3MultipartPut::S3MultipartPut(const S3PutContext& context, const std::string& key, const Upload& upload,
                               RandomAccessSource& source, ResumeState& resume,
                               const std::function<void(std::uint64_t)>& sent)
    : S3Put(context, key, upload, source, sent),
      resume_(resume),
      layout_{source.size_bytes(), 0},
      notes_(S3UploadNotes::load(resume, key, upload.sha256)),
      way_{.key = key} {}

void S3MultipartPut::run() {
    if (notes_.completing && complete_again()) return tell_rest();
    if (notes_.upload_id.empty() && !upload_.replace && confirm_existing()) return tell_rest();
    for (unsigned attempt = 1;; ++attempt) {
        open();
        try {
            send_missing();
            prove();
            notes_.completing = true;
            save();
            if (complete()) return tell_rest();
        } catch (const Error& e) {
            bool again = (e.kind() == Kind::not_found || wants_fewer_parts(e)) && attempt < 3;
            if (!again) throw;
            if (e.kind() != Kind::not_found) client_.abort_upload(key_, notes_.upload_id);
            client_.check(key_);  // throws if it is the bucket that is not there
        }
        if (attempt == 3)
            throw Error(Kind::transient, format("{}: the store forgets uploads again and again", doing()));
        notes_ = {};
    }
}

void S3MultipartPut::save() {
    notes_.save(resume_, key_, upload_.sha256);
}

/// Goes on with the upload that was begun, or begins one; learns which parts are there.
void S3MultipartPut::open() {
    unsigned parts_max = features_.get().parts_max;
    layout_.part_bytes = s3_part_bytes(layout_.size_bytes, options_.part_bytes_min, parts_max);
    if (!notes_.upload_id.empty()) {
        PartLayout begun{layout_.size_bytes, notes_.part_bytes};
        if (s3_part_bytes_fit(begun.part_bytes, begun.size_bytes, parts_max)) std::swap(layout_, begun);
        if (list_parts()) return;
        layout_.part_bytes = s3_part_bytes(layout_.size_bytes, options_.part_bytes_min, parts_max);
    }
    notes_ = {};
    notes_.part_bytes = layout_.part_bytes;
    abort_unknown();
    begin();
    way_.parts.assign(layout_.count(), {});
}

void S3MultipartPut::begin() {
    for (unsigned attempt = 1; notes_.upload_id.empty(); ++attempt) {
        try {
            notes_.upload_id = client_.create_upload(key_, object_options(),
                                                     format("beginning to store {}", client_.url_of(key_)));
            save();
        } catch (const Error& e) {
            if (e.kind() != Kind::transient || attempt == kBeginAttempts) throw;
            abort_unknown();  // it may have been begun, and only the reply was lost
        }
    }
}

/// Uploads of this key that we know nothing of (the reply was lost, or the outbox, or they are of another
/// content). They are given up, not gone on with: the digests among their metadata may be others than
/// ours, and nobody tells them before the object is there.
void S3MultipartPut::abort_unknown() {
    std::vector<std::string> found;
    client_.list_uploads(key_, [&](const cloud::S3Upload& upload) {
        if (upload.key == key_) found.push_back(upload.id);
    });
    for (const std::string& id : found) client_.abort_upload(key_, id);
}

/// What the service says it has; false if it does not know the upload. Parts that we have not noted are
/// looked at: an upload may be of another content, or of a machine that was lost.
bool S3MultipartPut::list_parts() {
    way_.parts.assign(layout_.count(), {});
    std::vector<S3Part> listed;
    if (!client_.list_parts(key_, notes_.upload_id, [&](const S3Part& part) { listed.push_back(part); }))
        return false;
    for (const S3Part& part : listed) {
        std::size_t index = part.number - 1;
        if (index >= way_.parts.size() || part.size_bytes != layout_.length(index)) continue;
        auto noted = notes_.tree_hashes.find(S3UploadNotes::name_of(index, part.etag));
        if (noted != notes_.tree_hashes.end())
            way_.parts[index] = {part.etag, part.sha256, noted->second, ""};
        else
            way_.parts[index] = looked_at(index, part);
    }
    return true;
}

/// A part of the service, if our bytes are the same.
S3PartState S3MultipartPut::looked_at(std::size_t index, const S3Part& part) {
    Buffer buffer;
    PartContent content(source_, layout_.offset(index), layout_.length(index), buffer);
    S3Hashes hashes = hashes_of(content, part.sha256.empty());
    bool same = part.sha256.empty() ? part.etag == to_hex(hashes.md5) : part.sha256 == hashes.sha256;
    if (!same) return {};
    return {part.etag, part.sha256, hashes.tree_hash, hashes.md5};
}

void S3MultipartPut::send_missing() {
    std::vector<std::size_t> missing;
    std::uint64_t there_bytes = 0;
    for (std::size_t i = 0; i < way_.parts.size(); ++i) {
        if (way_.parts[i].etag.empty())
            missing.push_back(i);
        else
            there_bytes += layout_.length(i);
    }
    if (there_bytes > told_bytes_) tell(there_bytes - told_bytes_);
    way_.upload_id = notes_.upload_id;
    way_.md5_first = want_md5();
    way_.refused = 0;
    SendPartsOptions sending;
    sending.known = known_digests(upload_, layout_);
    sending.connections = options_.connections;
    sending.cancelled = client_.options().aws.http.cancelled;
    sending.open = [this](std::function<bool()> cancelled) {
        cloud::S3Options options = client_.options();
        options.aws.http.cancelled = std::move(cancelled);
        return std::make_unique<S3PartSender>(way_, std::move(options));
    };
    sending.arrived = [this](const std::vector<std::size_t>& indexes) { note(indexes); };
    send_parts(source_, layout_, std::move(missing), sending);
    if (unsaved_parts_ > 0) save();
    unsaved_parts_ = 0;
}

void S3MultipartPut::note(const std::vector<std::size_t>& indexes) {
    std::uint64_t bytes = 0;
    for (std::size_t index : indexes) {
        bytes += layout_.length(index);
        notes_.tree_hashes[S3UploadNotes::name_of(index, way_.parts[index].etag)] =
            way_.parts[index].tree_hash;
    }
    unsaved_parts_ += indexes.size();
    if (unsaved_parts_ * kNotedPartsMax >= notes_.tree_hashes.size() && unsaved_parts_ > 0) {
        save();
        unsaved_parts_ = 0;
    }
    // What goes out a second time was told before.
    tell(std::min(bytes, layout_.size_bytes - told_bytes_));
}

/// Whether the store took no more parts than some stores do: then larger ones are sent. Which part was
/// refused tells it, not how many had arrived: others are still on their way then.
bool S3MultipartPut::wants_fewer_parts(const Error& error) {
    unsigned few = options_.few_parts_max;
    if (error.kind() != Kind::invalid || way_.refused <= few || features_.get().parts_max <= few)
        return false;
    bool takes_more = std::any_of(way_.parts.begin() + few, way_.parts.end(),
                                  [](const S3PartState& part) { return !part.etag.empty(); });
    if (takes_more) return false;
    features_.learn([&](S3Features& features) { features.parts_max = few; });
    return true;
}

}  // namespace icecore::store
