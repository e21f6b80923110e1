#include "store/retry.h"

#include <algorithm>
#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "store/progress.h"

namespace icecore::store {
namespace {

class RetryingTarget final : public Target {
  public:
    RetryingTarget(std::unique_ptr<Target> inner, RetryOptions options)
        : inner_(std::move(inner)), options_(std::move(options)) {
        CHECK(options_.attempts_max > 0 && options_.sleep_ns && options_.random);
    }

    Capabilities capabilities() const override { return inner_->capabilities(); }
    std::string identity() const override { return inner_->identity(); }

    void check() override {
        patiently([&] { inner_->check(); });
    }

    ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                  const std::function<void(std::uint64_t)>& sent) override {
        Progress progress(sent);
        return patiently([&] {
            progress.start_again();
            return inner_->put(upload, source, resume, [&](std::uint64_t bytes) { progress.add(bytes); });
        });
    }

    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                const Digest& tree_hash) override {
        patiently([&] { inner_->verify(object, size_bytes, sha256, tree_hash); });
    }

    std::optional<ObjectInfo> stat(const ObjectRef& object) override {
        return patiently([&] { return inner_->stat(object); });
    }

    std::optional<Timestamp> list(ListScope scope,
                                  const std::function<void(const ObjectInfo&)>& visit) override {
        std::vector<ObjectInfo> objects;
        std::optional<Timestamp> as_of = patiently([&] {
            objects.clear();
            return inner_->list(scope, [&](const ObjectInfo& info) { objects.push_back(info); });
        });
        for (const ObjectInfo& info : objects) visit(info);
        return as_of;
    }

    ThawState request_thaw(const ThawRequest& request) override {
        return patiently([&] { return inner_->request_thaw(request); });
    }

    std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) override {
        return patiently([&] { return inner_->poll_thaws(thaws); });
    }

    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        std::uint64_t had_bytes = 0;
        patiently([&] {
            ObjectRange rest = range;
            rest.offset = aligned_start(range.offset, had_bytes);
            std::uint64_t again_bytes = range.offset + had_bytes - rest.offset;
            rest.length_bytes = range.offset + range.length_bytes - rest.offset;
            inner_->read(rest, [&](std::string_view piece) {
                std::uint64_t skipped = std::min<std::uint64_t>(again_bytes, piece.size());
                again_bytes -= skipped;
                piece.remove_prefix(static_cast<std::size_t>(skipped));
                if (piece.empty()) return;
                as_callers_own([&] { sink(piece); });
                had_bytes += piece.size();
            });
        });
    }

    void remove(const ObjectRef& object) override {
        patiently([&] { inner_->remove(object); });
    }

    void lock(const ObjectRef& object, Timestamp until) override {
        patiently([&] { inner_->lock(object, until); });
    }

    std::optional<Timestamp> locked_until(const ObjectRef& object) override {
        return patiently([&] { return inner_->locked_until(object); });
    }

    void list_unfinished(const std::function<void(const UnfinishedUpload&)>& visit) override {
        std::vector<UnfinishedUpload> uploads;
        patiently([&] {
            uploads.clear();
            inner_->list_unfinished([&](const UnfinishedUpload& upload) { uploads.push_back(upload); });
        });
        for (const UnfinishedUpload& upload : uploads) visit(upload);
    }

    std::optional<std::uint64_t> unfinished_bytes(const UnfinishedUpload& upload) override {
        return patiently([&] { return inner_->unfinished_bytes(upload); });
    }

    void abort_unfinished(const UnfinishedUpload& upload) override {
        patiently([&] { inner_->abort_unfinished(upload); });
    }

    std::vector<TargetRemark> remarks() override {
        return patiently([&] { return inner_->remarks(); });
    }

  private:
    /// Carries what the caller's callback threw past patiently(), which is to do again only what the target
    /// failed at.
    struct CallersError {
        std::exception_ptr thrown;
    };

    template <typename Action>
    static void as_callers_own(Action action) {
        try {
            action();
        } catch (...) {
            throw CallersError{std::current_exception()};
        }
    }

    /// Where to go on with a read at `offset` that has given `had_bytes`: ranges may have to be aligned.
    std::uint64_t aligned_start(std::uint64_t offset, std::uint64_t had_bytes) const {
        std::uint64_t next = offset + had_bytes;
        return std::max(offset, next - next % inner_->capabilities().range_alignment_bytes);
    }

    template <typename Action>
    std::invoke_result_t<Action> patiently(Action action) {
        for (unsigned attempt = 1;; ++attempt) {
            std::string message;
            try {
                return action();
            } catch (const CallersError& e) {
                std::rethrow_exception(e.thrown);
            } catch (Error& e) {
                if (e.kind() != Error::Kind::transient || attempt == options_.attempts_max) {
                    if (attempt > 1) e.add_context(format("after {} attempts", attempt));
                    throw;
                }
                message = e.message();
            }
            if (options_.on_retry) options_.on_retry(message, attempt);
            wait(attempt);
        }
    }

    void wait(unsigned attempt) const {
        options_.sleep_ns(backoff_ns(options_.backoff, attempt, options_.random()));
    }

    std::unique_ptr<Target> inner_;
    RetryOptions options_;
};

}  // namespace

std::unique_ptr<Target> make_retrying_target(std::unique_ptr<Target> inner, RetryOptions options) {
    return std::make_unique<RetryingTarget>(std::move(inner), std::move(options));
}

}  // namespace icecore::store
