#include "engine/upload.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/backup_dir.h"
#include "engine/uploader.h"

namespace icecore::engine {

UploadResult upload(const Environment& env, const SetOptions& set, store::Target& target, Observer& observer,
                    OpenTarget more_targets) {
    std::vector<catalog::Run> runs = open_catalog(env, set, observer)->runs();
    SetLock lock(env, set.backup_dir, SetActivity::upload);
    Uploader uploader(env, set, target, observer, {}, std::move(more_targets));
    uploader.add_sealed_files(runs);
    uploader.store_all();
    return uploader.result();
}

struct BackgroundUploader::State {
    struct HandedVolume {
        std::uint32_t run;
        archive::VolumeInfo info;
        PartDigests parts;
    };
    struct Handed {
        std::vector<HandedVolume> volumes;
        bool finishing = false;
    };

    const Environment& env;
    const SetOptions& set;
    store::Target& target;
    Observer& observer;
    OpenTarget more_targets;
    UploadResult result;  ///< the thread's, until it has ended

    std::mutex mutex;
    std::condition_variable_any changed;
    Handed handed;  ///< guarded by `mutex`

    std::jthread thread;  ///< last: it ends before what it uses goes

    void run(const std::stop_token& stop) noexcept;
    void work(const std::stop_token& stop);
    Handed take(const std::stop_token& stop, bool wait);
};

/// What was handed over since the last time. `wait`: until there is something, or no more to come.
BackgroundUploader::State::Handed BackgroundUploader::State::take(const std::stop_token& stop, bool wait) {
    std::unique_lock lock(mutex);
    if (wait) changed.wait(lock, stop, [this] { return !handed.volumes.empty() || handed.finishing; });
    return std::exchange(handed, {.volumes = {}, .finishing = handed.finishing});
}

void BackgroundUploader::State::work(const std::stop_token& stop) {
    Uploader uploader(env, set, target, observer, stop, more_targets);
    std::optional<SetLock> lock;
    // Whoever else uploads now may have ended by the next time.
    auto lock_if_free = [&] {
        try {
            if (!lock) lock.emplace(env, set.backup_dir, SetActivity::upload);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::denied) throw;
        }
        return lock.has_value();
    };
    const bool ask_first = uploader.must_ask_first();
    for (bool idle = false;;) {
        Handed now = take(stop, idle);
        for (const auto& [run, info, parts] : now.volumes) uploader.add_volume(run, info, parts);
        if (stop.stop_requested()) return;
        if (now.finishing) break;
        idle = ask_first || !lock_if_free() || !uploader.store_next();
    }
    uploader.add_sealed_files(open_catalog(env, set, observer)->runs());
    try {
        if (!lock) lock.emplace(env, set.backup_dir, SetActivity::upload);
        uploader.store_all();
    } catch (const Error& e) {
        uploader.fail(e);
    }
    result = uploader.result();
}

void BackgroundUploader::State::run(const std::stop_token& stop) noexcept {
    try {
        work(stop);
    } catch (const Error& e) {
        result.failure = e;
    } catch (const std::exception& e) {
        result.failure = Error(Error::Kind::io, e.what());
    }
}

BackgroundUploader::BackgroundUploader(const Environment& env, const SetOptions& set, store::Target& target,
                                       Observer& observer, OpenTarget more_targets)
    : state_(new State{env, set, target, observer, std::move(more_targets), {}, {}, {}, {}, {}}) {
    state_->thread = std::jthread([state = state_.get()](const std::stop_token& stop) { state->run(stop); });
}

BackgroundUploader::~BackgroundUploader() = default;

void BackgroundUploader::add_volume(std::uint32_t run, const archive::VolumeInfo& volume,
                                    const PartDigests& parts) {
    {
        std::lock_guard lock(state_->mutex);
        state_->handed.volumes.push_back({run, volume, parts});
    }
    state_->changed.notify_one();
}

UploadResult BackgroundUploader::finish() {
    {
        std::lock_guard lock(state_->mutex);
        state_->handed.finishing = true;
    }
    state_->changed.notify_one();
    state_->thread.join();
    return std::move(state_->result);
}

}  // namespace icecore::engine
