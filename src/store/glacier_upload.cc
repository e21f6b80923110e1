#include "store/glacier_upload.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/json_document.h"
#include "base/text.h"
#include "cloud/glacier_client.h"

namespace icecore::store {
namespace {

using cloud::GlacierClient;
using cloud::GlacierContent;

/// A part that is not larger is held in memory: it is read once. A larger one is read twice, for its digests
/// and for sending.
constexpr std::uint64_t kBufferedBytesMax = 64 << 20;
/// How often an upload is begun whose reply is lost each time.
constexpr unsigned kBeginAttempts = 4;
/// How often the listener is asked whether to go on.
constexpr std::chrono::milliseconds kListenInterval(250);

/// Reads of several threads, one at a time. Remembers the first error of the source itself.
class SharedSource final : public RandomAccessSource {
  public:
    explicit SharedSource(RandomAccessSource& inner) : inner_(inner), size_bytes_(inner.size_bytes()) {}
    std::uint64_t size_bytes() const override { return size_bytes_; }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        std::lock_guard lock(mutex_);
        inner_.read(offset, buffer, size);
    }

  private:
    std::mutex mutex_;  // guards inner_
    RandomAccessSource& inner_;
    std::uint64_t size_bytes_;
};

/// A piece of the source in memory, at the offset that it has there.
class BufferedPiece final : public RandomAccessSource {
  public:
    BufferedPiece(const std::string& bytes, std::uint64_t offset) : bytes_(bytes), offset_(offset) {}
    std::uint64_t size_bytes() const override { return offset_ + bytes_.size(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        CHECK(offset >= offset_ && offset - offset_ <= bytes_.size() &&
              size <= bytes_.size() - (offset - offset_));
        bytes_.copy(buffer, size, static_cast<std::size_t>(offset - offset_));
    }

  private:
    const std::string& bytes_;
    std::uint64_t offset_;
};

/// Tells the listener of bytes that are read for the first time, as they go out.
class ListenedSource final : public RandomAccessSource {
  public:
    ListenedSource(RandomAccessSource& inner, const std::function<void(std::uint64_t)>& sent)
        : inner_(inner), sent_(sent) {}
    std::uint64_t size_bytes() const override { return inner_.size_bytes(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        inner_.read(offset, buffer, size);
        std::uint64_t end = offset + size;
        if (end <= told_bytes_) return;
        sent_(end - told_bytes_);
        told_bytes_ = end;
    }

  private:
    RandomAccessSource& inner_;
    const std::function<void(std::uint64_t)>& sent_;
    std::uint64_t told_bytes_ = 0;
};

struct Digests {
    Digest sha256;
    Digest tree_hash;
};

Digests digests_of(std::string_view bytes) {
    TreeHash tree;
    tree.update(bytes);
    return {sha256(bytes), tree.finish()};
}

Digests digests_of(RandomAccessSource& source, std::uint64_t offset, std::uint64_t length_bytes) {
    Sha256 linear;
    TreeHash tree;
    std::string buffer(TreeHash::kLeafBytes, '\0');
    for (std::uint64_t at = 0; at < length_bytes;) {
        auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length_bytes - at));
        source.read(offset + at, buffer.data(), size);
        linear.update({buffer.data(), size});
        tree.update({buffer.data(), size});
        at += size;
    }
    return {linear.finish(), tree.finish()};
}

[[noreturn]] void wrong_source(const Upload& upload) {
    throw Error(Error::Kind::corrupt,
                format("{} does not have the digests that it had when it was sealed", upload.name),
                "it was changed or damaged after it was made; icecore verify tells more");
}

/// What is kept of an upload in parts while it goes on.
struct State {
    std::string upload_id;
    Digest tree_hash;         ///< of the object
    bool completing = false;  ///< all parts have arrived

    /// An empty one for what cannot be read.
    static State load(ResumeState& resume, const Digest& tree_hash) {
        try {
            Json json = parse_json(resume.load());
            State state;
            state.upload_id = json.at("upload").get<std::string>();
            state.completing = json.at("completing").get<bool>();
            state.tree_hash = tree_hash;
            if (json.at("tree_hash").get<std::string>() == tree_hash.hex()) return state;
        } catch (const std::exception&) {
        }
        State fresh;
        fresh.tree_hash = tree_hash;
        return fresh;
    }
    void save(ResumeState& resume) const {
        std::string text;
        JsonWriter json(text);
        json.begin_object().field("upload", upload_id).field("tree_hash", tree_hash.hex());
        json.field("completing", completing).end_object();
        resume.save(text);
    }
};

/// One object on its way in parts.
class MultipartUpload {
  public:
    MultipartUpload(const GlacierTargetOptions& options, std::string description, const Upload& upload,
                    RandomAccessSource& source, ResumeState& resume,
                    const std::function<void(std::uint64_t)>& sent)
        : options_(options),
          description_(std::move(description)),
          upload_(upload),
          source_(source),
          size_bytes_(source.size_bytes()),
          resume_(resume),
          sent_(sent),
          client_(options.aws, options.account),
          state_(State::load(resume, upload.tree_hash)) {}

    std::string run() {
        if (state_.completing)
            if (std::optional<std::string> id = complete()) return *id;
        // An upload id may be forgotten by the service at any time after a day; a new one lives a day at
        // least, so a second one that is forgotten means that the service does not work.
        for (unsigned attempt = 0;; ++attempt) {
            open();
            try {
                send_missing();
                prove();
                state_.completing = true;
                state_.save(resume_);
                if (std::optional<std::string> id = complete()) return *id;
            } catch (const Error& e) {
                if (e.kind() != Error::Kind::not_found || attempt == 2) throw;
                client_.describe_vault(options_.vault);  // is it the vault that is not there?
            }
            if (attempt == 2)
                throw Error(Error::Kind::transient,
                            format("vault {} forgets uploads again and again", options_.vault));
            forget();
        }
    }

  private:
    struct Part {
        Digest tree_hash;     ///< none: not there yet
        bool listed = false;  ///< the service says that it is there; else we have sent it ourselves
    };

    std::uint64_t part_length(std::size_t index) const {
        return std::min(part_bytes_, size_bytes_ - index * part_bytes_);
    }

    void forget() {
        state_ = {};
        state_.tree_hash = upload_.tree_hash;
    }

    /// Completes the upload. nullopt if the service does not know it any more: then nothing is known of it.
    std::optional<std::string> complete() {
        try {
            return client_.complete_multipart(options_.vault, state_.upload_id, size_bytes_,
                                              upload_.tree_hash);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::not_found && e.kind() != Error::Kind::invalid) throw;
            state_.completing = false;
            if (e.kind() == Error::Kind::invalid) return complete_after_repair(e);
            forget();
            return std::nullopt;
        }
    }

    /// The service refused to complete. If the parts are all as we say, it will not take them either.
    std::optional<std::string> complete_after_repair(const Error& refused) {
        open();
        bool missing = std::any_of(parts_.begin(), parts_.end(),
                                   [](const Part& part) { return part.tree_hash.empty(); });
        if (!missing && combined() == upload_.tree_hash) throw Error(refused);
        send_missing();
        prove();
        return client_.complete_multipart(options_.vault, state_.upload_id, size_bytes_, upload_.tree_hash);
    }

    /// Finds the upload that was begun, or begins one; learns which parts are there.
    void open() {
        if (!state_.upload_id.empty() && list_parts()) return;
        forget();
        adopt();
        if (!state_.upload_id.empty() && list_parts()) return;
        part_bytes_ = GlacierClient::part_bytes_for(size_bytes_, options_.part_bytes_min);
        begin();
        parts_.assign(part_count(), {});
    }

    std::size_t part_count() const {
        return static_cast<std::size_t>((size_bytes_ + part_bytes_ - 1) / part_bytes_);
    }

    void begin() {
        for (unsigned attempt = 1; state_.upload_id.empty(); ++attempt) {
            try {
                state_.upload_id = client_.initiate_multipart(options_.vault, description_, part_bytes_);
                state_.save(resume_);
            } catch (const Error& e) {
                if (e.kind() != Error::Kind::transient || attempt == kBeginAttempts) throw;
                adopt();  // it may have been begun, and only the reply was lost
            }
        }
    }

    /// An upload of this description whose id we have lost (with the reply, with the outbox). Others of the
    /// same description are given up, so that none is left.
    void adopt() {
        std::vector<cloud::GlacierUpload> found;
        client_.list_multipart(options_.vault, [&](const cloud::GlacierUpload& upload) {
            if (upload.description == description_) found.push_back(upload);
        });
        for (const cloud::GlacierUpload& upload : found) {
            if (state_.upload_id.empty() && fits(upload.part_bytes)) {
                state_.upload_id = upload.id;
                state_.save(resume_);
            } else {
                client_.abort_multipart(options_.vault, upload.id);
            }
        }
    }

    bool fits(std::uint64_t part_bytes) const {
        bool power = part_bytes >= GlacierClient::kMegabyte && part_bytes <= GlacierClient::kPartBytesMax &&
                     (part_bytes & (part_bytes - 1)) == 0;
        return power && (size_bytes_ + part_bytes - 1) / part_bytes <= GlacierClient::kPartsMax;
    }

    /// What the service says it has; false if it does not know the upload, or has parts of something else.
    bool list_parts() {
        std::vector<cloud::GlacierPart> listed;
        try {
            part_bytes_ = client_.list_parts(options_.vault, state_.upload_id,
                                             [&](const cloud::GlacierPart& part) { listed.push_back(part); });
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::not_found) throw;
            client_.describe_vault(options_.vault);  // throws if it is the vault that is not there
            return false;
        }
        bool good = fits(part_bytes_);
        if (good) parts_.assign(part_count(), {});
        for (const cloud::GlacierPart& part : listed) {
            if (!good) break;
            auto index = static_cast<std::size_t>(part.offset / part_bytes_);
            good = part.offset % part_bytes_ == 0 && index < parts_.size();
            if (good && part.length_bytes == part_length(index)) parts_[index] = {part.tree_hash, true};
        }
        if (!good) client_.abort_multipart(options_.vault, state_.upload_id);
        return good;
    }

    Digest combined() const {
        std::vector<Digest> hashes;
        for (const Part& part : parts_) hashes.push_back(part.tree_hash);
        return combine_tree_hashes(std::move(hashes));
    }

    /// That the parts make up the object. Those that came from an earlier run are looked at if they do not.
    void prove() {
        if (combined() == upload_.tree_hash) return;
        for (std::size_t i = 0; i < parts_.size(); ++i)
            if (parts_[i].listed &&
                digests_of(source_, i * part_bytes_, part_length(i)).tree_hash != parts_[i].tree_hash)
                parts_[i] = {};
        send_missing();
        if (combined() != upload_.tree_hash) wrong_source(upload_);
    }

    // ---- sending, in threads ----

    struct Sending {
        std::mutex mutex;  // guards what follows
        std::condition_variable changed;
        std::deque<std::size_t> waiting;
        std::vector<std::pair<std::size_t, Digest>> arrived;
        std::exception_ptr error;
        unsigned workers = 0;
        std::atomic<bool> stop = false;
    };

    void send_missing() {
        Sending sending;
        std::uint64_t there_bytes = 0;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            if (parts_[i].tree_hash.empty())
                sending.waiting.push_back(i);
            else
                there_bytes += part_length(i);
        }
        if (!told_there_ && there_bytes > 0) sent_(there_bytes);
        told_there_ = true;
        if (sending.waiting.empty()) return;
        SharedSource shared(source_);
        sending.workers = static_cast<unsigned>(
            std::min<std::size_t>(std::max(1U, options_.connections), sending.waiting.size()));
        std::vector<std::jthread> threads;
        for (unsigned i = sending.workers; i > 0; --i)
            threads.emplace_back([this, &sending, &shared] { send_parts(sending, shared); });
        try {
            collect(sending);
        } catch (...) {
            sending.stop = true;
            throw;  // the threads end soon, and are joined
        }
    }

    /// Notes what has arrived and tells the listener, until all threads have ended.
    void collect(Sending& sending) {
        for (;;) {
            std::unique_lock lock(sending.mutex);
            sending.changed.wait_for(lock, kListenInterval,
                                     [&] { return !sending.arrived.empty() || sending.workers == 0; });
            auto arrived = std::exchange(sending.arrived, {});
            bool ended = sending.workers == 0;
            std::exception_ptr error = sending.error;
            lock.unlock();
            std::uint64_t bytes = 0;
            for (const auto& [index, tree_hash] : arrived) {
                parts_[index] = {tree_hash, false};
                bytes += part_length(index);
            }
            sent_(bytes);
            if (ended && error) std::rethrow_exception(error);
            if (ended) return;
        }
    }

    /// The work of one thread.
    void send_parts(Sending& sending, RandomAccessSource& source) {
        try {
            cloud::AwsOptions aws = options_.aws;
            aws.http.cancelled = [&sending, outer = options_.aws.http.cancelled] {
                return sending.stop || (outer && outer());
            };
            GlacierClient client(std::move(aws), options_.account);
            std::string buffer;
            while (std::optional<std::size_t> index = take(sending)) {
                Digest tree_hash = send_part(client, source, *index, buffer);
                std::lock_guard lock(sending.mutex);
                sending.arrived.emplace_back(*index, tree_hash);
                sending.changed.notify_one();
            }
        } catch (...) {
            std::lock_guard lock(sending.mutex);
            if (!sending.error) sending.error = std::current_exception();
            sending.stop = true;
        }
        std::lock_guard lock(sending.mutex);
        --sending.workers;
        sending.changed.notify_one();
    }

    static std::optional<std::size_t> take(Sending& sending) {
        std::lock_guard lock(sending.mutex);
        if (sending.stop || sending.waiting.empty()) return std::nullopt;
        std::size_t index = sending.waiting.front();
        sending.waiting.pop_front();
        return index;
    }

    Digest send_part(GlacierClient& client, RandomAccessSource& source, std::size_t index,
                     std::string& buffer) const {
        GlacierContent content;
        content.offset = index * part_bytes_;
        content.length_bytes = part_length(index);
        std::optional<BufferedPiece> piece;
        Digests digests;
        if (content.length_bytes <= kBufferedBytesMax) {
            buffer.resize(static_cast<std::size_t>(content.length_bytes));
            source.read(content.offset, buffer.data(), buffer.size());
            digests = digests_of(buffer);
            content.source = &piece.emplace(buffer, content.offset);
        } else {
            digests = digests_of(source, content.offset, content.length_bytes);
            content.source = &source;
        }
        content.sha256 = digests.sha256;
        content.tree_hash = digests.tree_hash;
        client.upload_part(options_.vault, state_.upload_id, content);
        return digests.tree_hash;
    }

    const GlacierTargetOptions& options_;
    std::string description_;
    const Upload& upload_;
    RandomAccessSource& source_;
    std::uint64_t size_bytes_;
    ResumeState& resume_;
    const std::function<void(std::uint64_t)>& sent_;
    GlacierClient client_;
    State state_;
    std::uint64_t part_bytes_ = 0;
    std::vector<Part> parts_;
    bool told_there_ = false;
};

std::string upload_at_once(const GlacierTargetOptions& options, const std::string& description,
                           const Upload& upload, RandomAccessSource& source,
                           const std::function<void(std::uint64_t)>& sent) {
    GlacierClient client(options.aws, options.account);
    ListenedSource listened(source, sent);
    GlacierContent content{&listened, 0, source.size_bytes(), upload.sha256, upload.tree_hash};
    try {
        return client.upload_archive(options.vault, description, content);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::invalid && e.kind() != Error::Kind::corrupt) throw;
        Digests digests = digests_of(source, 0, source.size_bytes());
        if (digests.sha256 != upload.sha256 || digests.tree_hash != upload.tree_hash) wrong_source(upload);
        throw;
    }
}

}  // namespace

std::string upload_to_vault(const GlacierTargetOptions& options, const std::string& description,
                            const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                            const std::function<void(std::uint64_t)>& sent) {
    if (source.size_bytes() == 0)
        throw Error(Error::Kind::unsupported,
                    format("{} is empty, and a vault takes nothing empty", upload.name));
    if (source.size_bytes() <= options.single_bytes_max)
        return upload_at_once(options, description, upload, source, sent);
    return MultipartUpload(options, description, upload, source, resume, sent).run();
}

}  // namespace icecore::store
