#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/buffer.h"

namespace icecore::sim {

/// A thread that does one thing with each piece of a stream, in order, while others do other things with it.
/// One thread at a time calls it.
class Lane {
  public:
    /// As many pieces wait at most.
    static constexpr std::size_t kWaitingMax = 4;

    /// `work` runs on the lane's thread.
    explicit Lane(std::function<void(std::string_view)> work);
    /// What still waits is not worked on.
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Throws what the work has thrown.
    void put(std::shared_ptr<const Buffer> piece);
    /// Waits until all is done; nothing may be put afterwards. Throws what the work has thrown.
    void finish();

  private:
    void run();

    std::function<void(std::string_view)> work_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::deque<std::shared_ptr<const Buffer>> waiting_;
    bool closed_ = false;
    bool abandoned_ = false;
    std::exception_ptr failure_;
    std::thread thread_;
};

}  // namespace icecore::sim
