#include "store/glacier_upload.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/json_document.h"
#include "base/stream_hash.h"
#include "base/text.h"
#include "cloud/glacier_client.h"
#include "store/part_sender.h"

namespace icecore::store {
namespace {

using cloud::GlacierClient;
using cloud::GlacierContent;

/// How often an upload is begun whose reply is lost each time.
constexpr unsigned kBeginAttempts = 4;

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
    MultipartUpload(const GlacierTargetOptions& options, std::string description, SameDescription same,
                    const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                    const std::function<void(std::uint64_t)>& sent)
        : options_(options),
          description_(std::move(description)),
          same_(same),
          upload_(upload),
          source_(source),
          layout_{source.size_bytes(), 0},
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

    void forget() {
        state_ = {};
        state_.tree_hash = upload_.tree_hash;
    }

    /// Completes the upload. nullopt if the service does not know it any more: then nothing is known of it.
    std::optional<std::string> complete() {
        try {
            return client_.complete_multipart(options_.vault, state_.upload_id, layout_.size_bytes,
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
        return client_.complete_multipart(options_.vault, state_.upload_id, layout_.size_bytes,
                                          upload_.tree_hash);
    }

    /// Finds the upload that was begun, or begins one; learns which parts are there.
    void open() {
        if (!state_.upload_id.empty() && list_parts()) return;
        forget();
        remember_others();
        adopt();
        if (!state_.upload_id.empty() && list_parts()) return;
        layout_.part_bytes = GlacierClient::part_bytes_for(layout_.size_bytes, options_.part_bytes_min);
        begin();
        parts_.assign(layout_.count(), {});
    }

    void begin() {
        for (unsigned attempt = 1; state_.upload_id.empty(); ++attempt) {
            try {
                state_.upload_id =
                    client_.initiate_multipart(options_.vault, description_, layout_.part_bytes);
                state_.save(resume_);
            } catch (const Error& e) {
                if (e.kind() != Error::Kind::transient || attempt == kBeginAttempts) throw;
                adopt();  // it may have been begun, and only the reply was lost
            }
        }
    }

    /// Where others store under this description, too: their uploads, before ours is begun.
    void remember_others() {
        if (same_ == SameDescription::ours) return;
        client_.list_multipart(options_.vault, [this](const cloud::GlacierUpload& upload) {
            if (upload.description == description_) others_.insert(upload.id);
        });
    }

    /// An upload of this description whose id we have lost (with the reply, with the outbox). Others of the
    /// same description are given up, so that none is left.
    void adopt() {
        std::vector<cloud::GlacierUpload> found;
        client_.list_multipart(options_.vault, [&](const cloud::GlacierUpload& upload) {
            if (upload.description == description_ && !others_.contains(upload.id)) found.push_back(upload);
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
        return power && (layout_.size_bytes + part_bytes - 1) / part_bytes <= GlacierClient::kPartsMax;
    }

    /// What the service says it has; false if it does not know the upload, or has parts of something else.
    bool list_parts() {
        std::vector<cloud::GlacierPart> listed;
        try {
            layout_.part_bytes =
                client_.list_parts(options_.vault, state_.upload_id,
                                   [&](const cloud::GlacierPart& part) { listed.push_back(part); });
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::not_found) throw;
            client_.describe_vault(options_.vault);  // throws if it is the vault that is not there
            return false;
        }
        bool good = fits(layout_.part_bytes);
        if (good) parts_.assign(layout_.count(), {});
        for (const cloud::GlacierPart& part : listed) {
            if (!good) break;
            auto index = static_cast<std::size_t>(part.offset / layout_.part_bytes);
            good = part.offset % layout_.part_bytes == 0 && index < parts_.size();
            if (good && part.length_bytes == layout_.length(index)) parts_[index] = {part.tree_hash, true};
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
                digests_of(source_, layout_.offset(i), layout_.length(i)).tree_hash != parts_[i].tree_hash)
                parts_[i] = {};
        send_missing();
        if (combined() != upload_.tree_hash) wrong_source(upload_);
    }

    // ---- sending ----

    class Sender final : public PartSender {
      public:
        Sender(MultipartUpload& upload, std::function<bool()> cancelled)
            : upload_(upload),
              client_(aws_with(upload.options_.aws, std::move(cancelled)), upload.options_.account) {}
        void send(std::size_t index, PartContent& content, const Digests& digests) override {
            client_.upload_part(upload_.options_.vault, upload_.state_.upload_id,
                                {&content.source(), content.offset(), content.length_bytes(), digests.sha256,
                                 digests.tree_hash});
            upload_.parts_[index] = {digests.tree_hash, false};
        }

      private:
        static cloud::AwsOptions aws_with(cloud::AwsOptions aws, std::function<bool()> cancelled) {
            aws.http.cancelled = std::move(cancelled);
            return aws;
        }
        MultipartUpload& upload_;
        GlacierClient client_;
    };

    void send_missing() {
        std::vector<std::size_t> missing;
        std::uint64_t there_bytes = 0;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            if (parts_[i].tree_hash.empty())
                missing.push_back(i);
            else
                there_bytes += layout_.length(i);
        }
        if (!told_there_ && there_bytes > 0) sent_(there_bytes);
        told_there_ = true;
        SendPartsOptions sending;
        sending.known = known_digests(upload_, layout_);
        sending.connections = options_.connections;
        sending.cancelled = options_.aws.http.cancelled;
        sending.open = [this](std::function<bool()> cancelled) {
            return std::make_unique<Sender>(*this, std::move(cancelled));
        };
        sending.arrived = [this](const std::vector<std::size_t>& indexes) {
            std::uint64_t bytes = 0;
            for (std::size_t index : indexes) bytes += layout_.length(index);
            sent_(bytes);
        };
        send_parts(source_, layout_, std::move(missing), sending);
    }

    const GlacierTargetOptions& options_;
    std::string description_;
    SameDescription same_;
    const Upload& upload_;
    RandomAccessSource& source_;
    PartLayout layout_;
    ResumeState& resume_;
    const std::function<void(std::uint64_t)>& sent_;
    GlacierClient client_;
    State state_;
    std::vector<Part> parts_;
    std::set<std::string, std::less<>> others_;  ///< ids of uploads that are not ours
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
                            SameDescription same, const Upload& upload, RandomAccessSource& source,
                            ResumeState& resume, const std::function<void(std::uint64_t)>& sent) {
    if (source.size_bytes() == 0)
        throw Error(Error::Kind::unsupported,
                    format("{} is empty, and a vault takes nothing empty", upload.name));
    if (source.size_bytes() <= options.single_bytes_max)
        return upload_at_once(options, description, upload, source, sent);
    return MultipartUpload(options, description, same, upload, source, resume, sent).run();
}

}  // namespace icecore::store
