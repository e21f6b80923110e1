#include "store/s3_put.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/in_reply.h"
#include "cloud/s3_headers.h"
#include "store/part_content.h"
#include "store/s3_digests.h"
#include "store/s3_parts.h"

namespace icecore::store {

using cloud::S3Checksum;
using cloud::S3Head;
using Answer = S3Features::Answer;
using Kind = Error::Kind;

S3Put::S3Put(const S3PutContext& context, std::string key, const Upload& upload, RandomAccessSource& source,
             const std::function<void(std::uint64_t)>& sent)
    : options_(context.options),
      client_(context.client),
      features_(context.features),
      key_(std::move(key)),
      upload_(upload),
      source_(source),
      sent_(sent) {}

cloud::S3ObjectOptions S3Put::object_options() const {
    cloud::S3ObjectOptions object;
    bool cold = upload_.temperature == Temperature::cold;
    object.storage_class = (cold ? options_.storage_class : options_.hot_class).value_or("");
    object.sse = options_.sse;
    object.kms_key = options_.kms_key;
    object.metadata = metadata_of(upload_);
    if (upload_.locked_until && !options_.lock_mode.empty()) {
        object.lock_mode = options_.lock_mode;
        object.locked_until = {upload_.locked_until->sec + (upload_.locked_until->nsec > 0 ? 1 : 0), 0};
    }
    return object;
}

std::string S3Put::doing() const {
    return format("storing {}", client_.url_of(key_));
}

bool S3Put::confirm_existing() {
    std::optional<S3Head> head = look();
    if (!head) return false;
    if (!is_same(*head)) {
        if (upload_.replace) return false;
        if (only_listed_)
            throw Error(
                Kind::exists,
                format("{} is there already, and this key may not see whether with the right content",
                       client_.url_of(key_)),
                "run `icecore upload` once with a key that may read it: `icecore init --print-iam restore` "
                "prints what that takes");
        throw Error(
            Kind::exists, format("{} is there already, with another content", client_.url_of(key_)),
            "if `icecore verify --remote` calls it damaged, remove it there and run `icecore upload`; else, "
            "is this bucket, with this prefix, host and set, used by another machine?");
    }
    // An earlier configuration may have asked for another encryption, but a store that has none is told.
    if (head->sse.empty() && !only_listed_)
        cloud::in_reply(doing(), [&] { cloud::check_encryption(options_.sse, head->sse); });
    lock_longer(*head);
    return true;
}

/// What is there already has the lock of the put that brought it.
void S3Put::lock_longer(const S3Head& head) {
    cloud::S3ObjectOptions wanted = object_options();
    if (wanted.lock_mode.empty() || head.locked_until.value_or(Timestamp{}) >= wanted.locked_until) return;
    std::string mode = head.lock_mode.empty() ? wanted.lock_mode : head.lock_mode;
    client_.put_retention(key_, "", mode, wanted.locked_until);
}

/// A key that may store and not read is not told by HEAD that there is nothing; a listing tells.
std::optional<S3Head> S3Put::look() {
    try {
        return client_.head_object(key_);
    } catch (const Error& e) {
        if (e.kind() != Kind::denied) throw;
        std::optional<S3Head> head;
        client_.list_objects(key_, "", [&](const cloud::S3Object& object) {
            if (object.key == key_) {
                head.emplace();
                head->size_bytes = object.size_bytes;
                head->etag = object.etag;
            }
            return false;  // it would be the first
        });
        only_listed_ = head.has_value();
        if (head && !options_.lock_mode.empty()) head->locked_until = client_.get_retention(key_, "");
        return head;
    }
}

bool S3Put::is_same(const S3Head& head) {
    if (head.size_bytes != source_.size_bytes()) return false;
    S3Digests known = digests_of(head);
    if (!known.sha256.empty()) return known.sha256 == upload_.sha256;
    // Somebody else has stored it, or all that we may see is a listing: its MD5, if its ETag is one, tells.
    if (head.etag.find('-') != std::string::npos) return head.etag == etag_in_parts(head.etag);
    Buffer buffer;
    PartContent content(source_, 0, source_.size_bytes(), buffer);
    S3Hashes hashes = hashes_of(content, true);
    if (hashes.sha256 != upload_.sha256) wrong_source(upload_);
    return head.etag == to_hex(hashes.md5);
}

/// The ETag that our bytes have if they were stored in as many parts as `like` tells, of a size that ours
/// have.
std::string S3Put::etag_in_parts(std::string_view like) {
    const std::string count(like.substr(like.find('-') + 1));
    const std::uint64_t size = source_.size_bytes();
    std::uint64_t part_bytes = 1 << 20;
    auto parts_of = [&] { return (size + part_bytes - 1) / part_bytes; };
    while (part_bytes < size && std::to_string(parts_of()) != count) part_bytes *= 2;
    if (std::to_string(parts_of()) != count) return {};
    std::vector<S3PartState> parts;
    Buffer buffer;
    for (std::uint64_t at = 0; at < size; at += part_bytes) {
        PartContent content(source_, at, std::min(part_bytes, size - at), buffer);
        S3Hashes hashes = hashes_of(content, true);
        S3PartState part;
        part.tree_hash = hashes.tree_hash;
        part.md5 = hashes.md5;
        parts.push_back(std::move(part));
    }
    if (tree_hash_of(parts) != upload_.tree_hash) wrong_source(upload_);
    return etag_of(parts);
}

bool S3Put::want_md5() const {
    return features_.get().checksums == Answer::no;
}

void S3Put::learn_checksums(const S3Checksum& checksum) {
    Answer answer = checksum.sha256.empty() ? Answer::no : Answer::yes;
    if (features_.get().checksums == answer) return;
    // A store that kept one keeps others: a reply without is one that came through something else.
    if (answer == Answer::no && features_.get().checksums == Answer::yes) return;
    features_.learn([&](S3Features& features) { features.checksums = answer; });
}

void S3Put::tell(std::uint64_t bytes) {
    told_bytes_ += bytes;
    sent_(bytes);
}

void S3Put::tell_rest() {
    tell(source_.size_bytes() - told_bytes_);
}

void S3Put::unproven(std::string_view why) const {
    throw_unproven(doing(), why);
}

void throw_unproven(std::string_view doing, std::string_view why) {
    throw Error(Kind::corrupt, format("{}: {}", doing, why),
                "the bytes were changed on their way, or the service lies; it does not count as stored");
}

}  // namespace icecore::store
