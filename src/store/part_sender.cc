#include "store/part_sender.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"

namespace icecore::store {
namespace {

/// How often the listener is asked whether to go on.
constexpr std::chrono::milliseconds kListenInterval(250);

/// Reads of several threads, one at a time.
class SharedSource final : public RandomAccessSource {
  public:
    explicit SharedSource(RandomAccessSource& inner) : inner_(inner), size_bytes_(inner.size_bytes()) {}
    std::uint64_t size_bytes() const override { return size_bytes_; }
    bool slow() const override { return inner_.slow(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        std::lock_guard lock(mutex_);
        inner_.read(offset, buffer, size);
    }

  private:
    std::mutex mutex_;  // guards inner_
    RandomAccessSource& inner_;
    std::uint64_t size_bytes_;
};

class Sending {
  public:
    Sending(RandomAccessSource& source, const PartLayout& layout, std::vector<std::size_t> indexes,
            const SendPartsOptions& options)
        : source_(source), layout_(layout), indexes_(std::move(indexes)), options_(options) {}

    void run() {
        workers_ =
            static_cast<unsigned>(std::min<std::size_t>(std::max(1U, options_.connections), indexes_.size()));
        std::vector<std::jthread> threads;
        for (unsigned i = workers_; i > 0; --i) threads.emplace_back([this] { work(); });
        try {
            collect();
        } catch (...) {
            stop_ = true;
            throw;  // the threads end soon, and are joined
        }
    }

  private:
    /// Tells the listener what has arrived, until all threads have ended.
    void collect() {
        for (;;) {
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, kListenInterval, [&] { return !arrived_.empty() || workers_ == 0; });
            std::vector<std::size_t> arrived = std::exchange(arrived_, {});
            bool ended = workers_ == 0;
            std::exception_ptr error = error_;
            lock.unlock();
            options_.arrived(arrived);
            if (ended && error) std::rethrow_exception(error);
            if (ended) return;
        }
    }

    void work() {
        try {
            std::unique_ptr<PartSender> sender =
                options_.open([this] { return stop_ || (options_.cancelled && options_.cancelled()); });
            Buffer buffer;
            while (std::optional<std::size_t> index = take()) {
                PartContent content(source_, layout_.offset(*index), layout_.length(*index), buffer);
                send(*sender, *index, content);
                std::lock_guard lock(mutex_);
                arrived_.push_back(*index);
                changed_.notify_one();
            }
        } catch (...) {
            std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
            stop_ = true;
        }
        std::lock_guard lock(mutex_);
        --workers_;
        changed_.notify_one();
    }

    void send(PartSender& sender, std::size_t index, PartContent& content) {
        if (options_.known != nullptr) {
            try {
                return sender.send(index, content, options_.known->parts.at(index));
            } catch (const Error& e) {
                // Some services call other bytes than announced a wrong signature.
                bool refused = e.kind() == Error::Kind::invalid || e.kind() == Error::Kind::corrupt ||
                               e.kind() == Error::Kind::denied;
                if (!refused) throw;
            }
        }
        sender.send(index, content, content.digests());
    }

    std::optional<std::size_t> take() {
        std::lock_guard lock(mutex_);
        if (stop_ || next_ == indexes_.size()) return std::nullopt;
        return indexes_[next_++];
    }

    SharedSource source_;
    const PartLayout& layout_;
    const std::vector<std::size_t> indexes_;
    const SendPartsOptions& options_;
    std::atomic<bool> stop_ = false;

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::size_t next_ = 0;
    std::vector<std::size_t> arrived_;
    std::exception_ptr error_;
    unsigned workers_ = 0;
};

}  // namespace

const PartDigests* known_digests(const Upload& upload, const PartLayout& layout) {
    bool known = upload.parts.part_bytes == layout.part_bytes &&
                 upload.parts.make_up(layout.count(), upload.tree_hash);
    return known ? &upload.parts : nullptr;
}

void send_parts(RandomAccessSource& source, const PartLayout& layout, std::vector<std::size_t> indexes,
                const SendPartsOptions& options) {
    if (!indexes.empty()) Sending(source, layout, std::move(indexes), options).run();
}

}  // namespace icecore::store
