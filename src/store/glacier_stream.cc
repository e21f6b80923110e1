#include <algorithm>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/stream_hash.h"
#include "cloud/glacier_client.h"
#include "store/glacier_upload.h"

namespace icecore::store {
namespace {

using cloud::GlacierClient;

constexpr unsigned kBeginAttempts = 4;

/// Bytes in memory, at the offset that they have in the archive.
class Bytes final : public RandomAccessSource {
  public:
    Bytes(const std::string& bytes, std::uint64_t offset) : bytes_(bytes), offset_(offset) {}
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

cloud::GlacierContent content_of(Bytes& source, const std::string& bytes, std::uint64_t offset) {
    Digests digests = digests_of(bytes);
    return {&source, offset, bytes.size(), digests.sha256, digests.tree_hash};
}

/// A stream on its way in parts. Each part in flight has a thread and a connection; they come back in order.
class StreamUpload {
  public:
    using Read = std::function<std::size_t(char*, std::size_t)>;

    StreamUpload(const GlacierTargetOptions& options, std::string description, const Read& read,
                 const std::function<void(std::uint64_t)>& sent)
        : options_(options),
          description_(std::move(description)),
          read_(read),
          sent_(sent),
          client_(options.aws, options.account) {}

    StoredStream run() {
        std::string first = next_part();
        if (first.empty())
            throw Error(Error::Kind::unsupported,
                        "there is nothing to store, and a vault takes nothing empty");
        if (first.size() < options_.part_bytes_min) return send_at_once(first);
        begin();
        try {
            for (std::string part = std::move(first); !part.empty(); part = next_part())
                send(std::move(part));
            while (!flying_.empty()) land();
            Digest tree_hash = combine_tree_hashes(hashes_);
            return {client_.complete_multipart(options_.vault, upload_id_, size_bytes_, tree_hash),
                    size_bytes_, tree_hash};
        } catch (...) {
            give_up();
            throw;
        }
    }

  private:
    struct Lane {
        explicit Lane(const GlacierTargetOptions& options) : client(options.aws, options.account) {}
        GlacierClient client;
        std::string bytes;
    };
    struct Flight {
        std::unique_ptr<Lane> lane;
        std::future<Digest> arrived;
    };

    /// One whose reply was lost is begun again: what it leaves holds no bytes, and is dropped after a day.
    void begin() {
        for (unsigned attempt = 1; upload_id_.empty(); ++attempt) {
            try {
                upload_id_ =
                    client_.initiate_multipart(options_.vault, description_, options_.part_bytes_min);
            } catch (const Error& e) {
                if (e.kind() != Error::Kind::transient || attempt == kBeginAttempts) throw;
            }
        }
    }

    std::string next_part() {
        std::string part = std::exchange(spare_, {});
        part.resize(static_cast<std::size_t>(options_.part_bytes_min));
        part.resize(read_(part.data(), part.size()));
        return part;
    }

    StoredStream send_at_once(const std::string& bytes) {
        Bytes source(bytes, 0);
        cloud::GlacierContent content = content_of(source, bytes, 0);
        std::string id = client_.upload_archive(options_.vault, description_, content);
        sent_(bytes.size());
        return {std::move(id), bytes.size(), content.tree_hash};
    }

    void send(std::string part) {
        if (hashes_.size() + flying_.size() == GlacierClient::kPartsMax)
            throw Error(Error::Kind::unsupported,
                        format("the stream is longer than {} parts of {} MiB", GlacierClient::kPartsMax,
                               options_.part_bytes_min / GlacierClient::kMegabyte),
                        "choose larger parts with --part-size");
        if (flying_.size() >= std::max(1U, options_.connections)) land();
        std::unique_ptr<Lane> lane = std::move(idle_);
        if (!lane) lane = std::make_unique<Lane>(options_);
        lane->bytes = std::move(part);
        std::uint64_t offset = std::exchange(size_bytes_, size_bytes_ + lane->bytes.size());
        auto work = [this, offset, lane = lane.get()] {
            Bytes source(lane->bytes, offset);
            cloud::GlacierContent content = content_of(source, lane->bytes, offset);
            lane->client.upload_part(options_.vault, upload_id_, content);
            return content.tree_hash;
        };
        flying_.push_back({std::move(lane), std::async(std::launch::async, work)});
    }

    /// Waits for the oldest part in flight.
    void land() {
        hashes_.push_back(flying_.front().arrived.get());
        idle_ = std::move(flying_.front().lane);
        flying_.pop_front();
        sent_(idle_->bytes.size());
        spare_ = std::move(idle_->bytes);
    }

    /// What went wrong first is what counts: what fails here is left to the service, which drops such uploads
    /// after a day.
    void give_up() noexcept {
        for (Flight& flight : flying_)
            if (flight.arrived.valid()) flight.arrived.wait();  // not the one that failed
        try {
            client_.abort_multipart(options_.vault, upload_id_);
        } catch (const std::exception&) {
        }
    }

    const GlacierTargetOptions& options_;
    std::string description_;
    const Read& read_;
    const std::function<void(std::uint64_t)>& sent_;
    GlacierClient client_;
    std::string upload_id_;
    std::uint64_t size_bytes_ = 0;  // of what was read
    std::vector<Digest> hashes_;    // of what arrived
    std::deque<Flight> flying_;     // destroyed, a flight waits for its thread: before its lane
    std::unique_ptr<Lane> idle_;
    std::string spare_;  // memory for the next part
};

}  // namespace

StoredStream upload_stream_to_vault(const GlacierTargetOptions& options, const std::string& description,
                                    const std::function<std::size_t(char*, std::size_t)>& read,
                                    const std::function<void(std::uint64_t)>& sent) {
    return StreamUpload(options, description, read, sent).run();
}

}  // namespace icecore::store
