#pragma once

#include <mutex>

#include "store/target.h"

namespace icecore::testing {

/// Another target's stand-in, for whoever wants to own one: passes each call on, one at a time. Both must
/// outlive it.
class BorrowedTarget final : public store::Target {
  public:
    BorrowedTarget(store::Target& inner, std::recursive_mutex& mutex) : inner_(inner), mutex_(mutex) {}

    store::Capabilities capabilities() const override { return inner_.capabilities(); }
    std::string identity() const override { return inner_.identity(); }
    void check() override { inner_.check(); }
    store::ObjectRef put(const store::Upload& upload, RandomAccessSource& source, store::ResumeState& resume,
                         const std::function<void(std::uint64_t)>& sent) override {
        std::lock_guard lock(mutex_);
        return inner_.put(upload, source, resume, sent);
    }
    void verify(const store::ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                const Digest& tree_hash) override {
        std::lock_guard lock(mutex_);
        inner_.verify(object, size_bytes, sha256, tree_hash);
    }
    std::optional<store::ObjectInfo> stat(const store::ObjectRef& object) override {
        std::lock_guard lock(mutex_);
        return inner_.stat(object);
    }
    std::optional<Timestamp> list(store::ListScope scope,
                                  const std::function<void(const store::ObjectInfo&)>& visit) override {
        std::lock_guard lock(mutex_);
        return inner_.list(scope, visit);
    }
    store::ThawState request_thaw(const store::ThawRequest& request) override {
        std::lock_guard lock(mutex_);
        return inner_.request_thaw(request);
    }
    std::vector<store::ThawState> poll_thaws(const std::vector<store::AskedThaw>& thaws) override {
        std::lock_guard lock(mutex_);
        return inner_.poll_thaws(thaws);
    }
    void read(const store::ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        std::lock_guard lock(mutex_);
        inner_.read(range, sink);
    }
    void remove(const store::ObjectRef& object) override {
        std::lock_guard lock(mutex_);
        inner_.remove(object);
    }
    void lock(const store::ObjectRef& object, Timestamp until) override {
        std::lock_guard lock(mutex_);
        inner_.lock(object, until);
    }
    std::optional<Timestamp> locked_until(const store::ObjectRef& object) override {
        std::lock_guard lock(mutex_);
        return inner_.locked_until(object);
    }
    void list_unfinished(const std::function<void(const store::UnfinishedUpload&)>& visit) override {
        inner_.list_unfinished(visit);
    }
    std::optional<std::uint64_t> unfinished_bytes(const store::UnfinishedUpload& upload) override {
        return inner_.unfinished_bytes(upload);
    }
    void abort_unfinished(const store::UnfinishedUpload& upload) override { inner_.abort_unfinished(upload); }
    std::vector<store::TargetRemark> remarks() override { return inner_.remarks(); }

  private:
    store::Target& inner_;
    std::recursive_mutex& mutex_;
};

}  // namespace icecore::testing
