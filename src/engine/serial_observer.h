#pragma once

#include <mutex>

#include "engine/environment.h"

namespace icecore::engine {

/// An observer that several threads may tell things: passes them on one at a time. `inner` must outlive it.
class SerialObserver final : public Observer {
  public:
    explicit SerialObserver(Observer& inner) : inner_(inner) {}
    void progress(const Progress& progress) override {
        std::lock_guard lock(mutex_);
        inner_.progress(progress);
    }
    void warning(std::string_view message) override {
        std::lock_guard lock(mutex_);
        inner_.warning(message);
    }

  private:
    std::mutex mutex_;
    Observer& inner_;
};

}  // namespace icecore::engine
