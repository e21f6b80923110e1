#include "archive/volume_sink.h"

#include <utility>

#include "base/error.h"

namespace icecore::archive {
namespace {

constexpr std::size_t kQueuedBytesMax = 8 << 20;

}  // namespace

VolumeSink::VolumeSink(FileSystem& fs, std::string dir, std::uint64_t part_bytes)
    : fs_(fs), dir_(std::move(dir)), hash_(part_bytes), thread_([this] { run(); }) {}

VolumeSink::~VolumeSink() {
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
    if (seal_.valid()) seal_.wait();
}

void VolumeSink::open(std::string name) {
    push({Step::Kind::open, std::move(name), {}});
}

void VolumeSink::write(std::string data) {
    push({Step::Kind::write, std::move(data), {}});
}

void VolumeSink::seal(VolumeInfo info) {
    push({Step::Kind::seal, {}, std::move(info)});
}

void VolumeSink::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return error_ || (steps_.empty() && !busy_ && sealing_ == 0); });
    rethrow_error();
}

std::vector<SealedVolume> VolumeSink::take_sealed() {
    std::lock_guard lock(mutex_);
    rethrow_error();
    return std::exchange(sealed_, {});
}

void VolumeSink::push(Step step) {
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return error_ || queued_bytes_ <= kQueuedBytesMax; });
        rethrow_error();
        queued_bytes_ += step.data.size();
        steps_.push_back(std::move(step));
    }
    changed_.notify_all();
}

void VolumeSink::rethrow_error() const {
    if (error_) std::rethrow_exception(error_);
}

void VolumeSink::fail(std::exception_ptr error) {
    {
        std::lock_guard lock(mutex_);
        if (!error_) error_ = std::move(error);
        stopped_ = true;
    }
    changed_.notify_all();
}

void VolumeSink::run() {
    try {
        for (Step step; next(step);) process(step);
    } catch (...) {
        fail(std::current_exception());
    }
    file_.reset();  // unsealed: what was written of it is removed
}

bool VolumeSink::next(Step& step) {
    {
        std::unique_lock lock(mutex_);
        busy_ = false;
        if (steps_.empty()) changed_.notify_all();
        changed_.wait(lock, [this] { return stopped_ || !steps_.empty(); });
        if (stopped_) return false;
        step = std::move(steps_.front());
        steps_.pop_front();
        queued_bytes_ -= step.data.size();
        busy_ = true;
    }
    changed_.notify_all();
    return true;
}

void VolumeSink::process(Step& step) {
    switch (step.kind) {
        case Step::Kind::open:
            file_ = fs_.create_large(dir_, step.data);
            return;
        case Step::Kind::write:
            file_->write(step.data);
            hash_.update(step.data);
            return;
        case Step::Kind::seal: {
            StreamHash::Result hashed = hash_.finish();
            step.info.sha256 = hashed.whole.sha256;
            step.info.tree_hash = hashed.whole.tree_hash;
            if (seal_.valid()) seal_.wait();
            {
                std::lock_guard lock(mutex_);
                ++sealing_;
            }
            seal_ = std::async(std::launch::async, &VolumeSink::seal_file, this, std::move(file_),
                               SealedVolume{std::move(step.info), {}, std::move(hashed.parts)});
            return;
        }
    }
}

void VolumeSink::seal_file(std::unique_ptr<OutputFile> file, SealedVolume volume) {
    try {
        file->seal();
        file.reset();
        std::lock_guard lock(mutex_);
        // In order: a volume is sealed after the one before it. After an error none counts.
        if (!error_) sealed_.push_back(std::move(volume));
        --sealing_;
    } catch (...) {
        fail(std::current_exception());
    }
    changed_.notify_all();
}

}  // namespace icecore::archive
