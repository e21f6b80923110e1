#include "store/s3_upload.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/json_document.h"
#include "base/md5.h"
#include "base/stream_hash.h"
#include "base/text.h"
#include "store/part_sender.h"

namespace icecore::store {
namespace {

using cloud::S3Checksum;
using cloud::S3Client;
using cloud::S3Head;
using cloud::S3Part;
using cloud::S3Stored;
using cloud::ServiceError;
using Answer = S3Features::Answer;
using Kind = Error::Kind;

constexpr std::string_view kSha256Name = "icecore-sha256";
constexpr std::string_view kTreeHashName = "icecore-tree-hash";
/// How often an upload is begun whose reply is lost each time.
constexpr unsigned kBeginAttempts = 4;
/// So many parts one store is known to take at most (Scaleway).
constexpr unsigned kFewPartsMax = 1000;
/// The digests of so many parts are noted each time that one has arrived; of more, now and then.
constexpr std::size_t kNotedPartsMax = 1000;

/// What is computed of bytes before they are sent.
struct Hashes {
    Digest sha256;
    Digest tree_hash;
    std::string md5;  ///< raw; empty where it is not needed
};

Hashes hashes_of(PartContent& content, bool with_md5) {
    StreamHash hash;
    Md5 md5;
    content.visit([&](std::string_view piece) {
        hash.update(piece);
        if (with_md5) md5.update(piece);
    });
    Digests digests = hash.finish().whole;
    return {digests.sha256, digests.tree_hash, with_md5 ? md5.finish() : ""};
}

std::string md5_of(PartContent& content) {
    Md5 md5;
    content.visit([&](std::string_view piece) { md5.update(piece); });
    return md5.finish();
}

Digest digest_of(const S3Head& head, std::string_view name) {
    auto found = head.metadata.find(std::string(name));
    std::optional<std::string> raw = found == head.metadata.end() ? std::nullopt : from_hex(found->second);
    return raw && raw->size() == 32 ? Digest::from_bytes(*raw) : Digest{};
}

/// The steps that a put in one request and one in parts have in common.
class Put {
  public:
    Put(const S3PutContext& context, std::string key, const Upload& upload, RandomAccessSource& source,
        const std::function<void(std::uint64_t)>& sent)
        : options_(context.options),
          client_(context.client),
          features_(context.features),
          key_(std::move(key)),
          upload_(upload),
          source_(source),
          sent_(sent) {}

  protected:
    cloud::S3ObjectOptions object_options() const {
        cloud::S3ObjectOptions object;
        bool cold = upload_.temperature == Temperature::cold;
        object.storage_class = (cold ? options_.storage_class : options_.hot_class).value_or("");
        object.sse = options_.sse;
        object.kms_key = options_.kms_key;
        object.metadata = {{std::string(kSha256Name), upload_.sha256.hex()},
                           {std::string(kTreeHashName), upload_.tree_hash.hex()}};
        if (upload_.locked_until && !options_.lock_mode.empty()) {
            object.lock_mode = options_.lock_mode;
            object.locked_until = {upload_.locked_until->sec + (upload_.locked_until->nsec > 0 ? 1 : 0), 0};
        }
        return object;
    }

    std::string doing() const { return format("storing {}", client_.url_of(key_)); }

    /// Whether the object is there already. Throws Error{exists} if another one is.
    bool confirm_existing() {
        std::optional<S3Head> head = look();
        if (!head) return false;
        if (!is_same(*head)) {
            if (upload_.replace) return false;
            throw Error(Kind::exists,
                        format("{} is there already, with another content", client_.url_of(key_)),
                        "is this bucket, with this prefix, host and set, used by another machine?");
        }
        lock_longer(*head);
        return true;
    }

    /// What is there already has the lock of the put that brought it.
    void lock_longer(const S3Head& head) {
        cloud::S3ObjectOptions wanted = object_options();
        if (wanted.lock_mode.empty() || head.locked_until.value_or(Timestamp{}) >= wanted.locked_until)
            return;
        std::string mode = head.lock_mode.empty() ? wanted.lock_mode : head.lock_mode;
        client_.put_retention(key_, "", mode, wanted.locked_until);
    }

    /// A key that may store and not read is not told by HEAD that there is nothing; a listing tells.
    std::optional<S3Head> look() {
        try {
            return client_.head_object(key_);
        } catch (const Error& e) {
            if (e.kind() != Kind::denied) throw;
            bool there = false;
            client_.list_objects(key_, "", [&](const cloud::S3Object& object) {
                there = object.key == key_;
                return false;  // it would be the first
            });
            if (there) throw;
            return std::nullopt;
        }
    }

    bool is_same(const S3Head& head) {
        if (head.size_bytes != source_.size_bytes()) return false;
        S3Digests known = digests_of(head);
        if (!known.sha256.empty()) return known.sha256 == upload_.sha256;
        // Somebody else has stored it: its MD5, if its ETag is one, tells.
        Buffer buffer;
        PartContent content(source_, 0, source_.size_bytes(), buffer);
        Hashes hashes = hashes_of(content, true);
        if (hashes.sha256 != upload_.sha256) wrong_source(upload_);
        return head.etag == to_hex(hashes.md5);
    }

    /// Told of all that went out in the end.
    void tell(std::uint64_t bytes) {
        told_bytes_ += bytes;
        sent_(bytes);
    }
    void tell_rest() { tell(source_.size_bytes() - told_bytes_); }

    bool want_md5() const { return features_.get().checksums == Answer::no; }
    void learn_checksums(const S3Checksum& checksum) {
        Answer answer = checksum.sha256.empty() ? Answer::no : Answer::yes;
        if (features_.get().checksums == answer) return;
        // A store that kept one keeps others: a reply without is one that came through something else.
        if (answer == Answer::no && features_.get().checksums == Answer::yes) return;
        features_.learn([&](S3Features& features) { features.checksums = answer; });
    }

    [[noreturn]] void unproven(std::string_view why) const {
        throw Error(Kind::corrupt, format("{}: {}", doing(), why),
                    "the bytes were changed on their way, or the service lies; it does not count as stored");
    }

    const S3TargetOptions& options_;
    S3Client& client_;
    S3FeatureMemory& features_;
    std::string key_;
    const Upload& upload_;
    RandomAccessSource& source_;
    const std::function<void(std::uint64_t)>& sent_;
    std::uint64_t told_bytes_ = 0;
};

// ---- in one request ----

class SinglePut : public Put {
  public:
    using Put::Put;

    void run() {
        bool create_only = !upload_.replace;
        // Where a conditional write cannot be relied upon, a look before it does most of what it would do.
        if (create_only && features_.get().conditional != Answer::yes && confirm_existing())
            return tell_rest();
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

  private:
    S3Stored send(PartContent& content, bool create_only) {
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
    [[noreturn]] void refuse(const ServiceError& error, PartContent& content) const {
        if (error.kind() == Kind::invalid || error.kind() == Kind::denied || error.kind() == Kind::corrupt) {
            Hashes hashes = hashes_of(content, false);
            if (hashes.sha256 != upload_.sha256 || hashes.tree_hash != upload_.tree_hash)
                wrong_source(upload_);
        }
        throw ServiceError(error);
    }

    void prove(const S3Stored& stored, PartContent& content) {
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
    void probe_conditional(PartContent& content) {
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

    std::optional<Hashes> hashes_;  ///< with the MD5
};

// ---- in parts ----

/// A part as far as it is known; which of them the service has, it says itself.
struct PartState {
    std::string etag;  ///< empty: not there
    Digest sha256;     ///< as the service keeps it; none if it keeps none
    Digest tree_hash;  ///< of our bytes; none: not computed yet
    std::string md5;   ///< raw, of our bytes; empty: not computed
};

/// What is kept of an upload while it goes on: besides its id, by what the service calls each part that this
/// machine has sent, and its tree hash, so that none is read again only to be hashed.
struct State {
    std::string upload_id;
    std::uint64_t part_bytes = 0;
    bool completing = false;                    ///< all parts have arrived
    std::map<std::string, Digest> tree_hashes;  ///< by number and ETag

    static std::string name_of(std::size_t index, std::string_view etag) {
        return format("{} {}", index, etag);
    }

    /// An empty one for what cannot be read, or is of another object.
    static State load(ResumeState& resume, const std::string& key, const Digest& sha256) {
        try {
            Json json = parse_json(resume.load());
            State state;
            state.upload_id = json.at("upload").get<std::string>();
            state.part_bytes = json.at("part_bytes").get<std::uint64_t>();
            state.completing = json.at("completing").get<bool>();
            for (const auto& [name, hex] : json.at("parts").items()) {
                std::optional<std::string> raw = from_hex(hex.get<std::string>());
                if (raw && raw->size() == 32) state.tree_hashes[name] = Digest::from_bytes(*raw);
            }
            bool ours = json.at("key").get<std::string>() == key &&
                        json.at("sha256").get<std::string>() == sha256.hex();
            if (ours) return state;
        } catch (const std::exception&) {
        }
        return {};
    }
    void save(ResumeState& resume, const std::string& key, const Digest& sha256) const {
        std::string text;
        JsonWriter json(text);
        json.begin_object().field("upload", upload_id).field("key", key).field("sha256", sha256.hex());
        json.field("part_bytes", part_bytes).field("completing", completing).key("parts").begin_object();
        for (const auto& [name, tree_hash] : tree_hashes) json.field(name, tree_hash.hex());
        json.end_object().end_object();
        resume.save(text);
    }
};

class MultipartPut : public Put {
  public:
    MultipartPut(const S3PutContext& context, const std::string& key, const Upload& upload,
                 RandomAccessSource& source, ResumeState& resume,
                 const std::function<void(std::uint64_t)>& sent)
        : Put(context, key, upload, source, sent),
          resume_(resume),
          layout_{source.size_bytes(), 0},
          state_(State::load(resume, key, upload.sha256)) {}

    void run() {
        if (state_.completing && complete_again()) return tell_rest();
        if (state_.upload_id.empty() && !upload_.replace && confirm_existing()) return tell_rest();
        for (unsigned attempt = 1;; ++attempt) {
            open();
            try {
                send_missing();
                prove();
                state_.completing = true;
                save();
                if (complete()) return tell_rest();
            } catch (const Error& e) {
                bool again = (e.kind() == Kind::not_found || wants_fewer_parts(e)) && attempt < 3;
                if (!again) throw;
                if (e.kind() != Kind::not_found) client_.abort_upload(key_, state_.upload_id);
                client_.check(key_);  // throws if it is the bucket that is not there
            }
            if (attempt == 3)
                throw Error(Kind::transient,
                            format("{}: the store forgets uploads again and again", doing()));
            state_ = {};
        }
    }

  private:
    void save() { state_.save(resume_, key_, upload_.sha256); }

    // ---- the upload ----

    /// Goes on with the upload that was begun, or begins one; learns which parts are there.
    void open() {
        layout_.part_bytes = part_bytes();
        if (!state_.upload_id.empty()) {
            layout_.part_bytes = fitting(state_.part_bytes) ? state_.part_bytes : layout_.part_bytes;
            if (list_parts()) return;
        }
        state_ = {};
        state_.part_bytes = layout_.part_bytes = part_bytes();
        abort_unknown();
        begin();
        parts_.assign(layout_.count(), {});
    }

    bool fitting(std::uint64_t bytes) const {
        bool power = bytes >= kTreeHashLeafBytes && (bytes & (bytes - 1)) == 0;
        return power && bytes <= S3Client::kPartBytesMax &&
               (layout_.size_bytes + bytes - 1) / bytes <= features_.get().parts_max;
    }

    /// A power of two, so that the parts' tree hashes make up that of the whole.
    std::uint64_t part_bytes() const {
        std::uint64_t bytes = kTreeHashLeafBytes;
        while (bytes < options_.part_bytes_min ||
               (layout_.size_bytes + bytes - 1) / bytes > features_.get().parts_max)
            bytes *= 2;
        if (bytes > S3Client::kPartBytesMax)
            throw Error(Kind::unsupported,
                        format("the store takes no object of {} bytes", layout_.size_bytes),
                        "set a smaller volume_size");
        return bytes;
    }

    void begin() {
        for (unsigned attempt = 1; state_.upload_id.empty(); ++attempt) {
            try {
                state_.upload_id = client_.create_upload(
                    key_, object_options(), format("beginning to store {}", client_.url_of(key_)));
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
    void abort_unknown() {
        std::vector<std::string> found;
        client_.list_uploads(key_, [&](const cloud::S3Upload& upload) {
            if (upload.key == key_) found.push_back(upload.id);
        });
        for (const std::string& id : found) client_.abort_upload(key_, id);
    }

    /// What the service says it has; false if it does not know the upload. Parts that we have not noted are
    /// looked at: an upload may be of another content, or of a machine that was lost.
    bool list_parts() {
        parts_.assign(layout_.count(), {});
        std::vector<S3Part> listed;
        if (!client_.list_parts(key_, state_.upload_id, [&](const S3Part& part) { listed.push_back(part); }))
            return false;
        for (const S3Part& part : listed) {
            std::size_t index = part.number - 1;
            if (index >= parts_.size() || part.size_bytes != layout_.length(index)) continue;
            auto noted = state_.tree_hashes.find(State::name_of(index, part.etag));
            if (noted != state_.tree_hashes.end())
                parts_[index] = {part.etag, part.sha256, noted->second, ""};
            else
                parts_[index] = looked_at(index, part);
        }
        return true;
    }

    /// A part of the service, if our bytes are the same.
    PartState looked_at(std::size_t index, const S3Part& part) {
        Buffer buffer;
        PartContent content(source_, layout_.offset(index), layout_.length(index), buffer);
        Hashes hashes = hashes_of(content, part.sha256.empty());
        bool same = part.sha256.empty() ? part.etag == to_hex(hashes.md5) : part.sha256 == hashes.sha256;
        if (!same) return {};
        return {part.etag, part.sha256, hashes.tree_hash, hashes.md5};
    }

    // ---- sending ----

    class Sender final : public PartSender {
      public:
        Sender(MultipartPut& put, std::function<bool()> cancelled)
            : put_(put), client_(with(put.client_.options(), std::move(cancelled))) {}
        void send(std::size_t index, PartContent& content, const Digests& digests) override {
            std::string md5 = put_.md5_first_ ? md5_of(content) : "";
            S3Stored stored = client_.upload_part(
                put_.key_, put_.state_.upload_id, static_cast<unsigned>(index + 1),
                {&content.source(), content.offset(), content.length_bytes(), digests.sha256});
            if (stored.checksum.sha256.empty()) {
                put_.md5_first_ = true;
                if (md5.empty()) md5 = md5_of(content);
                if (stored.etag != to_hex(md5))
                    put_.unproven(format("the store confirms neither SHA-256 nor MD5 of part {}", index + 1));
            } else if (stored.checksum.sha256 != digests.sha256) {
                put_.unproven(
                    format("the service has computed another SHA-256 of part {} than we have", index + 1));
            }
            put_.parts_[index] = {stored.etag, stored.checksum.sha256, digests.tree_hash, md5};
        }

      private:
        static cloud::S3Options with(cloud::S3Options options, std::function<bool()> cancelled) {
            options.aws.http.cancelled = std::move(cancelled);
            return options;
        }
        MultipartPut& put_;
        S3Client client_;
    };

    void send_missing() {
        std::vector<std::size_t> missing;
        std::uint64_t there_bytes = 0;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            if (parts_[i].etag.empty())
                missing.push_back(i);
            else
                there_bytes += layout_.length(i);
        }
        if (there_bytes > told_bytes_) tell(there_bytes - told_bytes_);
        md5_first_ = want_md5();
        SendPartsOptions sending;
        sending.known = known_digests(upload_, layout_);
        sending.connections = options_.connections;
        sending.cancelled = client_.options().aws.http.cancelled;
        sending.open = [this](std::function<bool()> cancelled) {
            return std::make_unique<Sender>(*this, std::move(cancelled));
        };
        sending.arrived = [this](const std::vector<std::size_t>& indexes) { note(indexes); };
        send_parts(source_, layout_, std::move(missing), sending);
        if (unsaved_parts_ > 0) save();
        unsaved_parts_ = 0;
    }

    void note(const std::vector<std::size_t>& indexes) {
        std::uint64_t bytes = 0;
        for (std::size_t index : indexes) {
            bytes += layout_.length(index);
            state_.tree_hashes[State::name_of(index, parts_[index].etag)] = parts_[index].tree_hash;
        }
        unsaved_parts_ += indexes.size();
        if (unsaved_parts_ * kNotedPartsMax >= state_.tree_hashes.size() && unsaved_parts_ > 0) {
            save();
            unsaved_parts_ = 0;
        }
        // What goes out a second time was told before.
        tell(std::min(bytes, layout_.size_bytes - told_bytes_));
    }

    // ---- the end ----

    /// That what has arrived makes up what was sealed.
    void prove() {
        std::vector<Digest> hashes;
        for (const PartState& part : parts_) hashes.push_back(part.tree_hash);
        if (combine_tree_hashes(std::move(hashes)) == upload_.tree_hash) return;
        client_.abort_upload(key_, state_.upload_id);
        state_ = {};
        save();
        wrong_source(upload_);
    }

    /// The SHA-256 of the parts' SHA-256, as the service computes it; none if it keeps none.
    S3Checksum composite() const {
        Sha256 hash;
        for (const PartState& part : parts_) {
            if (part.sha256.empty()) return {};
            hash.update(part.sha256.view());
        }
        return {hash.finish(), static_cast<unsigned>(parts_.size())};
    }

    /// The MD5 of the parts' MD5s; empty if not all of them are known.
    std::string etag_of_md5s() const {
        Md5 hash;
        for (const PartState& part : parts_) {
            std::optional<std::string> raw = part.md5.empty() ? from_hex(part.etag) : part.md5;
            if (!raw || raw->size() != 16) return "";
            hash.update(*raw);
        }
        return format("{}-{}", to_hex(hash.finish()), parts_.size());
    }

    /// False if the service does not know the upload any more, and has no such object either.
    bool complete() {
        std::vector<S3Part> parts;
        for (std::size_t i = 0; i < parts_.size(); ++i)
            parts.push_back(
                {static_cast<unsigned>(i + 1), layout_.length(i), parts_[i].etag, parts_[i].sha256});
        S3Checksum checksum = composite();
        learn_checksums(checksum);
        S3Stored stored;
        try {
            stored = client_.complete_upload(key_, state_.upload_id, parts, checksum, conditional());
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
    void confirm_lock() {
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

    bool conditional() const { return !upload_.replace && features_.get().conditional != Answer::no; }

    /// An object of this name came into being meanwhile: ours, or one that keeps ours out.
    bool end_existing() {
        bool same = confirm_existing();
        client_.abort_upload(key_, state_.upload_id);
        return same;
    }

    void confirm(const S3Stored& stored, const S3Checksum& checksum) {
        if (!checksum.sha256.empty() && stored.checksum == checksum) return;
        // The reply does not say it: then HEAD does.
        std::optional<S3Head> head = client_.head_object(key_);
        if (!head || head->size_bytes != layout_.size_bytes) unproven("it is not there as it was sent");
        if (!checksum.sha256.empty() && !head->checksum.sha256.empty()) {
            if (head->checksum != checksum) unproven("the service has computed another SHA-256 than we have");
        } else if (head->etag != etag_of_md5s()) {
            unproven("the store confirms neither SHA-256 nor MD5 of what it has");
        }
    }

    /// All parts had arrived when the run before ended: has it become an object?
    bool complete_again() {
        if (confirm_existing()) {
            client_.abort_upload(key_, state_.upload_id);
            return true;
        }
        state_.completing = false;
        return false;
    }

    /// Whether the store took no more parts than some stores do: then larger ones are sent.
    bool wants_fewer_parts(const Error& error) {
        bool refused = error.kind() == Kind::invalid && layout_.count() > kFewPartsMax &&
                       features_.get().parts_max > kFewPartsMax && parts_.at(kFewPartsMax).etag.empty() &&
                       !parts_.at(kFewPartsMax - 1).etag.empty();
        if (!refused) return false;
        features_.learn([](S3Features& features) { features.parts_max = kFewPartsMax; });
        return true;
    }

    ResumeState& resume_;
    PartLayout layout_;
    State state_;
    std::vector<PartState> parts_;
    std::size_t unsaved_parts_ = 0;
    /// The store confirms a part by its MD5 alone: it is computed as the part is read, before it goes out.
    std::atomic<bool> md5_first_ = false;
};

}  // namespace

S3Digests digests_of(const S3Head& head) {
    S3Digests out{digest_of(head, kSha256Name), digest_of(head, kTreeHashName)};
    // The service's own word counts more than what was written beside it.
    if (!head.checksum.sha256.empty() && head.checksum.parts == 0) out.sha256 = head.checksum.sha256;
    return out;
}

void upload_to_bucket(const S3PutContext& context, const std::string& key, const Upload& upload,
                      RandomAccessSource& source, ResumeState& resume,
                      const std::function<void(std::uint64_t)>& sent) {
    if (source.size_bytes() <= context.options.single_bytes_max)
        SinglePut(context, key, upload, source, sent).run();
    else
        MultipartPut(context, key, upload, source, resume, sent).run();
}

}  // namespace icecore::store
