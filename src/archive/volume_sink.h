#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "archive/volume.h"
#include "base/file.h"
#include "base/stream_hash.h"

// The part of VolumeWriter that works in the background; private to this module.

namespace icecore::archive {

/// Writes and hashes volumes in a thread of its own, and makes each full one durable in another, so that the
/// caller waits for the disk only when it is far ahead.
///
/// One thread at a time. An error in the background is thrown by the next call, and by each after it. Bounds:
/// kQueuedBytesMax of queued data and one piece more; one volume being sealed while the next is written.
/// Destroyed, it drops what is queued, lets a volume that is being sealed finish, and removes the partial
/// one.
class VolumeSink {
  public:
    /// `part_bytes` as in VolumeOptions.
    VolumeSink(FileSystem& fs, std::string dir, std::uint64_t part_bytes);
    ~VolumeSink();

    /// Begins a volume: the last one is sealed, or there is none.
    void open(std::string name);
    void write(std::string data);
    /// Ends the volume. `info` lacks the digests, which are found here.
    void seal(VolumeInfo info);
    /// Waits until all volumes are sealed.
    void wait();
    /// Volumes that have become durable since the last call, in order, without their frames.
    std::vector<SealedVolume> take_sealed();

  private:
    struct Step {
        enum class Kind : std::uint8_t { open, write, seal };
        Kind kind = Kind::write;
        std::string data;  ///< to be written, or the name
        VolumeInfo info;
    };

    void push(Step step);
    void run();
    bool next(Step& step);
    void process(Step& step);
    void seal_file(std::unique_ptr<OutputFile> file, SealedVolume volume);
    void fail(std::exception_ptr error);
    void rethrow_error() const;

    FileSystem& fs_;
    const std::string dir_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Step> steps_;        // guarded by mutex_, as all up to error_
    std::size_t queued_bytes_ = 0;  // of steps_
    bool busy_ = false;             // a step is being processed
    bool stopped_ = false;          // nothing more is to be done
    unsigned sealing_ = 0;          // volumes handed over to be sealed and not yet durable
    std::vector<SealedVolume> sealed_;
    std::exception_ptr error_;

    std::unique_ptr<OutputFile> file_;  // of the thread, as all that follow
    StreamHash hash_;
    std::future<void> seal_;
    std::thread thread_;
};

}  // namespace icecore::archive
