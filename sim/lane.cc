#include "sim/lane.h"

#include <utility>

namespace icecore::sim {

Lane::Lane(std::function<void(std::string_view)> work) : work_(std::move(work)), thread_([this] { run(); }) {}

Lane::~Lane() {
    if (!thread_.joinable()) return;
    {
        std::lock_guard lock(mutex_);
        closed_ = abandoned_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void Lane::put(std::shared_ptr<const Buffer> piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < kWaitingMax || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_.push_back(std::move(piece));
    changed_.notify_all();
}

void Lane::finish() {
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
}

void Lane::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return !waiting_.empty() || closed_; });
        if (waiting_.empty() || abandoned_) return;
        std::shared_ptr<const Buffer> piece = waiting_.front();
        lock.unlock();
        std::exception_ptr failure;
        try {
            work_(piece->view());
        } catch (...) {
            failure = std::current_exception();
        }
        piece.reset();
        lock.lock();
        waiting_.pop_front();
        failure_ = failure;
        changed_.notify_all();
        if (failure_) return;
    }
}

}  // namespace icecore::sim
