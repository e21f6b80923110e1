#include "store/throttle.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"

namespace icecore::store {
namespace {

/// A token bucket that holds the bytes of one second and is full at first. Kept as one moment: until when the
/// bytes that were taken have used up the rate; it lies at most a second back, which is the bucket's depth.
class Bucket {
  public:
    Bucket(const Clock& clock, std::uint64_t bytes_per_second,
           const std::function<void(std::int64_t)>& sleep_ns)
        : clock_(clock), bytes_per_second_(bytes_per_second), sleep_ns_(sleep_ns) {}

    void take(std::uint64_t bytes) {
        if (bytes_per_second_ == 0) return;
        constexpr std::int64_t kDepthNs = 1'000'000'000;
        std::int64_t now = clock_.monotonic_ns();
        double cost_ns = std::ceil(static_cast<double>(bytes) / static_cast<double>(bytes_per_second_) * 1e9);
        if (!paid_until_ns_ || *paid_until_ns_ < now - kDepthNs) paid_until_ns_ = now - kDepthNs;
        *paid_until_ns_ += static_cast<std::int64_t>(cost_ns);
        if (*paid_until_ns_ > now) sleep_ns_(*paid_until_ns_ - now);
    }

  private:
    const Clock& clock_;
    std::uint64_t bytes_per_second_;
    const std::function<void(std::int64_t)>& sleep_ns_;
    std::optional<std::int64_t> paid_until_ns_;
};

class ThrottledSource final : public RandomAccessSource {
  public:
    ThrottledSource(RandomAccessSource& inner, Bucket& bucket) : inner_(inner), bucket_(bucket) {}
    std::uint64_t size_bytes() const override { return inner_.size_bytes(); }
    bool slow() const override { return true; }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        bucket_.take(size);
        inner_.read(offset, buffer, size);
    }

  private:
    RandomAccessSource& inner_;
    Bucket& bucket_;
};

class ThrottledTarget final : public Target {
  public:
    ThrottledTarget(std::unique_ptr<Target> inner, const Clock& clock, ThrottleOptions options)
        : inner_(std::move(inner)),
          options_(std::move(options)),
          up_(clock, options_.upload_bytes_per_second, options_.sleep_ns),
          down_(clock, options_.download_bytes_per_second, options_.sleep_ns) {
        CHECK(options_.sleep_ns);
    }

    Capabilities capabilities() const override { return inner_->capabilities(); }
    std::string identity() const override { return inner_->identity(); }

    void check() override { inner_->check(); }

    ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                  const std::function<void(std::uint64_t)>& sent) override {
        ThrottledSource throttled(source, up_);
        return inner_->put(upload, throttled, resume, sent);
    }

    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                const Digest& tree_hash) override {
        inner_->verify(object, size_bytes, sha256, tree_hash);
    }

    std::optional<ObjectInfo> stat(const ObjectRef& object) override { return inner_->stat(object); }
    std::optional<Timestamp> list(ListScope scope,
                                  const std::function<void(const ObjectInfo&)>& visit) override {
        return inner_->list(scope, visit);
    }

    ThawState request_thaw(const ThawRequest& request) override { return inner_->request_thaw(request); }
    std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) override {
        return inner_->poll_thaws(thaws);
    }

    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        inner_->read(range, [&](std::string_view piece) {
            down_.take(piece.size());
            sink(piece);
        });
    }

    void remove(const ObjectRef& object) override { inner_->remove(object); }

    void lock(const ObjectRef& object, Timestamp until) override { inner_->lock(object, until); }
    std::optional<Timestamp> locked_until(const ObjectRef& object) override {
        return inner_->locked_until(object);
    }
    void list_unfinished(const std::function<void(const UnfinishedUpload&)>& visit) override {
        inner_->list_unfinished(visit);
    }
    std::optional<std::uint64_t> unfinished_bytes(const UnfinishedUpload& upload) override {
        return inner_->unfinished_bytes(upload);
    }
    void abort_unfinished(const UnfinishedUpload& upload) override { inner_->abort_unfinished(upload); }
    std::vector<TargetRemark> remarks() override { return inner_->remarks(); }

  private:
    std::unique_ptr<Target> inner_;
    ThrottleOptions options_;
    Bucket up_;
    Bucket down_;
};

}  // namespace

std::unique_ptr<Target> make_throttled_target(std::unique_ptr<Target> inner, const Clock& clock,
                                              ThrottleOptions options) {
    return std::make_unique<ThrottledTarget>(std::move(inner), clock, std::move(options));
}

}  // namespace icecore::store
