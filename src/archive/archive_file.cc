#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

#include "archive/volume.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::archive {
namespace {

[[noreturn]] void corrupt(std::string message) {
    throw Error(Error::Kind::corrupt, std::move(message));
}

/// A frame's place in its volume.
struct Frame {
    std::size_t number = 0;
    std::uint64_t stored_offset = 0;
    std::uint64_t raw_offset = 0;
    FrameSize size;
};

/// A volume's seek table, searchable: 8 bytes a frame, and a sum of those before it every kStep frames.
class FrameIndex {
  public:
    explicit FrameIndex(std::vector<FrameSize> frames) : frames_(std::move(frames)) {
        Frame frame;
        for (std::size_t i = 0; i < frames_.size(); ++i) {
            if (i % kStep == 0) sums_.push_back({frame.stored_offset, frame.raw_offset});
            frame.stored_offset += frames_[i].stored_bytes;
            frame.raw_offset += frames_[i].raw_bytes;
        }
        raw_bytes_ = frame.raw_offset;
    }

    std::uint64_t raw_bytes() const { return raw_bytes_; }

    /// The frame that holds `raw_offset`, which is below raw_bytes().
    Frame find(std::uint64_t raw_offset) const {
        auto after = std::upper_bound(sums_.begin(), sums_.end(), raw_offset,
                                      [](std::uint64_t offset, const Sum& sum) { return offset < sum.raw; });
        auto step = static_cast<std::size_t>(after - sums_.begin() - 1);
        Frame frame{step * kStep, sums_[step].stored, sums_[step].raw, frames_[step * kStep]};
        while (raw_offset - frame.raw_offset >= frame.size.raw_bytes) {
            frame.stored_offset += frame.size.stored_bytes;
            frame.raw_offset += frame.size.raw_bytes;
            frame.size = frames_[++frame.number];
        }
        return frame;
    }

  private:
    static constexpr std::size_t kStep = 64;
    struct Sum {
        std::uint64_t stored;
        std::uint64_t raw;
    };
    std::vector<FrameSize> frames_;
    std::vector<Sum> sums_;
    std::uint64_t raw_bytes_ = 0;
};

/// A volume open for reading.
struct OpenVolume {
    std::uint32_t number = 0;
    Fd fd;
    std::shared_ptr<const FrameIndex> index;  ///< null for Method::none, which needs none
};

/// The volumes of one archive, their indexes, and how they are opened.
class Volumes {
  public:
    Volumes(std::string dir, Compression::Method method, std::vector<VolumeInfo> volumes)
        : dir_(std::move(dir)), method_(method), volumes_(std::move(volumes)), indexes_(volumes_.size()) {}

    Compression::Method method() const { return method_; }
    std::size_t size() const { return volumes_.size(); }
    std::uint64_t raw_bytes(std::uint32_t number) const { return volumes_[number].raw_bytes; }

    void count_read(std::uint64_t bytes) { stored_bytes_read_ += bytes; }
    std::uint64_t stored_bytes_read() const { return stored_bytes_read_; }

    std::shared_ptr<const OpenVolume> open(std::uint32_t number) {
        std::lock_guard lock(mutex_);
        if (!last_opened_ || last_opened_->number != number) {
            last_opened_.reset();
            in_volume(number, [&] { last_opened_ = open_checked(number); });
        }
        return last_opened_;
    }

    /// Calls `f` and puts the volume's name before its errors.
    template <typename F>
    void in_volume(std::uint32_t number, F f) const {
        try {
            f();
        } catch (Error& e) {
            e.add_context("volume " + join_path(dir_, volumes_[number].name));
            throw;
        }
    }

  private:
    Fd open_volume_file(std::uint32_t number) const {
        const VolumeInfo& info = volumes_[number];
        try {
            return open_file(join_path(dir_, info.name), O_RDONLY);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::not_found) throw;
            throw Error(Error::Kind::not_found, "the file is missing");
        }
    }

    /// Opens and checks the file; reads its index unless we have it. Needs the mutex.
    std::shared_ptr<const OpenVolume> open_checked(std::uint32_t number) {
        const VolumeInfo& info = volumes_[number];
        Fd fd = open_volume_file(number);
        FileStat stat;
        if (!stat_at(fd.get(), "", stat, AT_EMPTY_PATH)) throw_errno("reading its size");
        if (stat.type != FileType::regular) corrupt("it is not a regular file");
        if (stat.size != info.stored_bytes)
            corrupt(format("its size is {} bytes instead of {}", stat.size, info.stored_bytes));
        if (method_ != Compression::Method::none && !indexes_[number]) read_index(number, fd.get());
        std::uint64_t raw_bytes = indexes_[number] ? indexes_[number]->raw_bytes() : stat.size;
        if (raw_bytes != info.raw_bytes)
            corrupt(format("it holds {} bytes of the archive instead of {}", raw_bytes, info.raw_bytes));
        return std::make_shared<OpenVolume>(OpenVolume{number, std::move(fd), indexes_[number]});
    }

    void read_index(std::uint32_t number, int fd) {
        std::uint64_t volume_bytes = volumes_[number].stored_bytes;
        auto frames = read_seek_table(method_, fd, volume_bytes);
        std::uint64_t table_bytes = volume_bytes;
        for (const FrameSize& frame : frames) table_bytes -= frame.stored_bytes;
        stored_bytes_read_ += table_bytes;
        indexes_[number] = std::make_shared<FrameIndex>(std::move(frames));
    }

    const std::string dir_;
    const Compression::Method method_;
    const std::vector<VolumeInfo> volumes_;
    std::atomic<std::uint64_t> stored_bytes_read_ = 0;

    std::mutex mutex_;
    // Guarded by mutex_: the indexes read so far, and the volume opened last (streams hold their own beside
    // it, so that the number of open files does not grow with the volumes).
    std::vector<std::shared_ptr<const FrameIndex>> indexes_;
    std::shared_ptr<const OpenVolume> last_opened_;
};

/// One stream through an archive. It holds at most one frame, stored and expanded.
class ArchiveStream final : public ByteSource {
  public:
    /// Throws for a position outside the archive, as a damaged catalogue might hold.
    ArchiveStream(Volumes& volumes, StreamPosition from) : volumes_(volumes), at_(from) {
        if (at_.volume >= volumes_.size())
            corrupt(format("the archive has no volume {}: it has {}", at_.volume, volumes_.size()));
        if (at_.offset > volumes_.raw_bytes(at_.volume))
            volumes_.in_volume(at_.volume, [&] {
                corrupt(
                    format("there is no offset {} in {} bytes", at_.offset, volumes_.raw_bytes(at_.volume)));
            });
    }

    std::size_t read(char* buffer, std::size_t size) override {
        std::size_t done = 0;
        while (done < size && to_next_byte()) {
            open_volume();
            std::size_t n = 0;
            volumes_.in_volume(at_.volume, [&] {
                n = volumes_.method() == Compression::Method::none ? read_plain(buffer + done, size - done)
                                                                   : read_frame(buffer + done, size - done);
            });
            at_.offset += n;
            done += n;
        }
        return done;
    }

    /// Only counts: what is skipped is neither read nor opened.
    void skip(std::uint64_t size) override {
        while (size > 0) {
            if (!to_next_byte()) corrupt(format("the archive ends {} bytes too early", size));
            std::uint64_t step = std::min(size, volumes_.raw_bytes(at_.volume) - at_.offset);
            at_.offset += step;
            size -= step;
        }
    }

  private:
    /// Goes to the next volume at the end of one. False at the end of the archive.
    bool to_next_byte() {
        while (at_.volume < volumes_.size() && at_.offset == volumes_.raw_bytes(at_.volume))
            at_ = {at_.volume + 1, 0};
        return at_.volume < volumes_.size();
    }

    void open_volume() {
        if (volume_ && volume_->number == at_.volume) return;
        volume_.reset();
        raw_.clear();
        volume_ = volumes_.open(at_.volume);
    }

    void read_stored(char* buffer, std::size_t size, std::uint64_t offset) {
        std::size_t n = pread_full(volume_->fd.get(), buffer, size, offset);
        volumes_.count_read(n);
        if (n != size) corrupt(format("the file ended at offset {} while it was read", offset + n));
    }

    std::size_t read_plain(char* buffer, std::size_t size) {
        std::uint64_t left = volumes_.raw_bytes(at_.volume) - at_.offset;
        auto n = static_cast<std::size_t>(std::min<std::uint64_t>(size, left));
        read_stored(buffer, n, at_.offset);
        return n;
    }

    std::size_t read_frame(char* buffer, std::size_t size) {
        if (at_.offset < raw_offset_ || at_.offset - raw_offset_ >= raw_.size()) load_frame();
        auto start = static_cast<std::size_t>(at_.offset - raw_offset_);
        std::size_t n = std::min(size, raw_.size() - start);
        std::memcpy(buffer, raw_.data() + start, n);
        return n;
    }

    void load_frame() {
        Frame frame = volume_->index->find(at_.offset);
        raw_.clear();
        stored_.resize(frame.size.stored_bytes);
        read_stored(stored_.data(), stored_.size(), frame.stored_offset);
        try {
            decode_frame(volumes_.method(), stored_, frame.size.raw_bytes, raw_);
        } catch (Error& e) {
            e.add_context(format("frame {} at offset {} is damaged", frame.number, frame.stored_offset));
            throw;
        }
        raw_offset_ = frame.raw_offset;
    }

    Volumes& volumes_;
    StreamPosition at_;  // may stand at the end of a volume
    std::shared_ptr<const OpenVolume> volume_;
    std::string stored_;
    std::string raw_;  // the frame that starts at raw_offset_ of volume_; empty: none
    std::uint64_t raw_offset_ = 0;
};

}  // namespace

struct ArchiveFile::State {
    Volumes volumes;
};

ArchiveFile::ArchiveFile(std::string dir, Compression::Method method, std::vector<VolumeInfo> volumes)
    : state_(new State{Volumes(std::move(dir), method, std::move(volumes))}) {}

ArchiveFile::~ArchiveFile() = default;

std::unique_ptr<ByteSource> ArchiveFile::open_stream(StreamPosition from) const {
    return std::make_unique<ArchiveStream>(state_->volumes, from);
}

StreamPosition ArchiveFile::next_frame(StreamPosition from) const {
    const StreamPosition next_volume{from.volume + 1, 0};
    Volumes& volumes = state_->volumes;
    if (from.volume >= volumes.size() || from.offset >= volumes.raw_bytes(from.volume)) return next_volume;
    std::uint64_t end = from.offset - from.offset % kFrameBytesMax + kFrameBytesMax;
    if (volumes.method() != Compression::Method::none) {
        try {
            Frame frame = volumes.open(from.volume)->index->find(from.offset);
            end = frame.raw_offset + frame.size.raw_bytes;
        } catch (const Error&) {
            return next_volume;
        }
    }
    return end < volumes.raw_bytes(from.volume) ? StreamPosition{from.volume, end} : next_volume;
}

std::uint64_t ArchiveFile::stored_bytes_read() const {
    return state_->volumes.stored_bytes_read();
}

}  // namespace icecore::archive
