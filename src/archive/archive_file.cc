#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "archive/expanding_source.h"
#include "archive/seek_table.h"
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

/// Where the frames of a volume stand, searchable: 8 bytes a frame, and a sum of those before it every kStep
/// frames. It may end early if the volume is damaged.
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

using Index = std::shared_ptr<const FrameIndex>;

/// A volume open for reading, in one source.
struct OpenVolume {
    std::uint32_t number = 0;
    std::shared_ptr<const VolumeBytes> bytes;
    Index index;  ///< null for what has no frames
};

/// Memory that is not cleared before it is filled.
class Buffer {
  public:
    char* get(std::size_t size) {
        if (size > capacity_) {
            data_ = std::make_unique_for_overwrite<char[]>(size);
            capacity_ = size;
        }
        return data_.get();
    }

  private:
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
};

/// Bytes of a volume without frames that are expanded at once.
constexpr std::size_t kPieceBytes = 1 << 20;

/// A volume without frames that is being expanded, and the piece that came last. So going back a little costs
/// nothing.
struct Expansion {
    Expansion(std::uint32_t volume_number, std::size_t volume_source,
              std::shared_ptr<const OpenVolume> opened, Compression::Method method)
        : volume(volume_number),
          source(volume_source),
          open(std::move(opened)),
          expanding(method, open->bytes) {}

    bool can_reach(std::uint64_t offset) const { return offset >= begin; }
    /// Goes on until `offset` is in the piece. Throws Error{corrupt} if the stream ends before.
    void advance_to(std::uint64_t offset) {
        while (offset >= end) {
            begin = end;
            std::size_t n = expanding.read(piece.get(kPieceBytes), kPieceBytes);
            if (n == 0) corrupt(format("it ends at offset {} of the archive", end));
            end += n;
        }
    }

    std::uint32_t volume;
    std::size_t source;
    std::shared_ptr<const OpenVolume> open;
    ExpandingSource expanding;
    Buffer piece{};
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

/// The volumes of one archive, their indexes, and how they are opened.
class Volumes {
  public:
    Volumes(std::vector<VolumeSource> sources, ArchiveForm form, std::vector<VolumeInfo> volumes,
            ArchiveFile::KnownFrames known_frames)
        : sources_(std::move(sources)),
          form_(form),
          volumes_(std::move(volumes)),
          known_frames_(std::move(known_frames)),
          last_opened_(sources_.size()) {
        CHECK(!sources_.empty());
    }

    ArchiveForm form() const { return form_; }
    std::size_t size() const { return volumes_.size(); }
    std::size_t source_count() const { return sources_.size(); }
    std::uint64_t raw_bytes(std::uint32_t number) const { return volumes_[number].raw_bytes; }
    std::string name(std::uint32_t number, std::size_t source) const {
        return "volume " + join_path(sources_[source].where, volumes_[number].name);
    }

    void count_read(std::uint64_t bytes) { stored_bytes_read_ += bytes; }
    std::uint64_t stored_bytes_read() const { return stored_bytes_read_; }

    std::shared_ptr<const OpenVolume> open(std::uint32_t number, std::size_t source) {
        std::lock_guard lock(mutex_);
        std::shared_ptr<const OpenVolume>& last = last_opened_[source];
        if (!last || last->number != number) {
            last.reset();
            std::unique_ptr<VolumeBytes> bytes = sources_[source].open(volumes_[number]);
            Index index;
            if (form_.framed && form_.method != Compression::Method::none)
                index = index_of(number, source, *bytes);
            last = std::make_shared<OpenVolume>(OpenVolume{number, std::move(bytes), std::move(index)});
        }
        return last;
    }

    /// An expansion that can go on to `offset`: of those that are not at work the one that is nearest, or a
    /// new one.
    std::unique_ptr<Expansion> take_expansion(std::uint32_t number, std::size_t source,
                                              std::uint64_t offset) {
        {
            std::lock_guard lock(mutex_);
            auto best = waiting_.end();
            for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
                const Expansion& candidate = **it;
                if (candidate.volume != number || candidate.source != source || !candidate.can_reach(offset))
                    continue;
                if (best == waiting_.end() || candidate.end > (*best)->end) best = it;
            }
            if (best != waiting_.end()) {
                std::unique_ptr<Expansion> out = std::move(*best);
                waiting_.erase(best);
                return out;
            }
        }
        return std::make_unique<Expansion>(number, source, open(number, source), form_.method);
    }

    void give_back(std::unique_ptr<Expansion> expansion) {
        std::lock_guard lock(mutex_);
        if (resting_) return;
        if (waiting_.size() == kWaitingMax) waiting_.erase(waiting_.begin());
        waiting_.push_back(std::move(expansion));
    }

    void set_resting(bool resting) {
        std::lock_guard lock(mutex_);
        resting_ = resting;
        if (resting) waiting_.clear();
    }

    /// Notes that `source` had to stand in for one before it; once a volume.
    void note_other_source(std::uint32_t number, std::size_t source, const std::string& why) {
        std::lock_guard lock(mutex_);
        if (helped_.insert(number).second)
            remarks_.push_back(format("{} (read from {} instead)", why, sources_[source].where));
    }

    std::vector<std::string> remarks() const {
        std::lock_guard lock(mutex_);
        return remarks_;
    }

  private:
    // All below needs the mutex.

    /// A complete index is that of the volume in every source; what damage left is the source's own.
    Index index_of(std::uint32_t number, std::size_t source, const VolumeBytes& bytes) {
        for (std::size_t any = 0; any < sources_.size(); ++any) {
            auto known = indexes_.find({number, any});
            if (known == indexes_.end()) continue;
            if (any == source || known->second->raw_bytes() == volumes_[number].raw_bytes)
                return known->second;
        }
        Index index = std::make_shared<FrameIndex>(find_frames(number, source, bytes));
        indexes_.emplace(std::pair(number, source), index);
        return index;
    }

    std::vector<FrameSize> find_frames(std::uint32_t number, std::size_t source, const VolumeBytes& bytes) {
        std::string why;
        try {
            return frames_by_seek_table(volumes_[number], bytes);
        } catch (const Error& e) {
            why = name(number, source) + ": " + e.message();
        }
        if (known_frames_) {
            std::vector<FrameSize> frames = known_frames_(number);
            if (fits(frames, volumes_[number])) {
                remarks_.push_back(why + " (its frames were found by the manifest)");
                return frames;
            }
        }
        std::vector<FrameSize> frames = scan_frames(form_.method, bytes);
        for (const FrameSize& frame : frames) stored_bytes_read_ += frame.stored_bytes;
        remarks_.push_back(format("{} (walking through it, {} frames were found)", why, frames.size()));
        return frames;
    }

    std::vector<FrameSize> frames_by_seek_table(const VolumeInfo& info, const VolumeBytes& bytes) {
        if (bytes.size_bytes() != info.stored_bytes)
            corrupt(format("its size is {} bytes instead of {}", bytes.size_bytes(), info.stored_bytes));
        std::vector<FrameSize> frames = read_seek_table(form_.method, bytes);
        stored_bytes_read_ += seek_table_bytes(form_.method, frames.size());
        std::uint64_t raw_bytes = sum_of(frames).raw_bytes;
        if (raw_bytes != info.raw_bytes)
            corrupt(format("it holds {} bytes of the archive instead of {}", raw_bytes, info.raw_bytes));
        return frames;
    }

    struct Sum {
        std::uint64_t stored_bytes = 0;
        std::uint64_t raw_bytes = 0;
    };
    static Sum sum_of(const std::vector<FrameSize>& frames) {
        Sum sum;
        for (const FrameSize& frame : frames) {
            sum.stored_bytes += frame.stored_bytes;
            sum.raw_bytes += frame.raw_bytes;
        }
        return sum;
    }

    bool fits(const std::vector<FrameSize>& frames, const VolumeInfo& info) const {
        Sum sum = sum_of(frames);
        return sum.raw_bytes == info.raw_bytes &&
               sum.stored_bytes + seek_table_bytes(form_.method, frames.size()) == info.stored_bytes;
    }

    /// As many as threads may leave behind.
    static constexpr std::size_t kWaitingMax = 16;

    const std::vector<VolumeSource> sources_;
    const ArchiveForm form_;
    const std::vector<VolumeInfo> volumes_;
    const ArchiveFile::KnownFrames known_frames_;
    std::atomic<std::uint64_t> stored_bytes_read_ = 0;

    mutable std::mutex mutex_;
    // Guarded by mutex_: the indexes read so far by volume and source, and what each source opened last
    // (streams hold their own beside it, so that the number of open files does not grow with the volumes).
    std::map<std::pair<std::uint32_t, std::size_t>, Index> indexes_;
    std::vector<std::shared_ptr<const OpenVolume>> last_opened_;
    std::set<std::uint32_t> helped_;
    std::vector<std::string> remarks_;
    std::vector<std::unique_ptr<Expansion>> waiting_;
    bool resting_ = false;
};

/// Bytes of an uncompressed volume that are read at once.
constexpr std::uint64_t kPlainBytes = 256 << 10;

/// One stream through an archive. It holds at most one frame, stored and expanded.
class Stream final : public ArchiveStream {
  public:
    Stream(Volumes& volumes, StreamPosition from, std::size_t first_source)
        : volumes_(volumes), first_source_(first_source), open_(volumes.source_count()) {
        CHECK(first_source < volumes.source_count());
        seek(from);
    }
    ~Stream() override { leave_expansion(); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void seek(StreamPosition to) override {
        if (to.volume >= volumes_.size())
            corrupt(format("the archive has no volume {}: it has {}", to.volume, volumes_.size()));
        if (to.offset > volumes_.raw_bytes(to.volume))
            corrupt(format("{}: there is no offset {} in {} bytes", volumes_.name(to.volume, first_source_),
                           to.offset, volumes_.raw_bytes(to.volume)));
        at_ = to;
    }

    std::string_view peek() override {
        if (!to_next_byte()) return {};
        if (!raw_.holds(at_)) load();
        auto start = static_cast<std::size_t>(at_.offset - raw_.begin);
        const char* bytes = expansion_ ? expansion_->piece.get(0) : raw_bytes_.get(0);
        return {bytes + start, static_cast<std::size_t>(raw_.end - raw_.begin) - start};
    }

    std::size_t read(char* buffer, std::size_t size) override {
        std::size_t done = 0;
        while (done < size) {
            std::string_view bytes = peek();
            if (bytes.empty()) break;
            std::size_t n = bytes.copy(buffer + done, size - done);
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
    /// A piece of a volume's tar stream.
    struct Piece {
        std::uint32_t volume = 0;
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        bool holds(StreamPosition at) const {
            return at.volume == volume && at.offset >= begin && at.offset < end;
        }
    };

    /// Goes to the next volume at the end of one. False at the end of the archive.
    bool to_next_byte() {
        while (at_.volume < volumes_.size() && at_.offset == volumes_.raw_bytes(at_.volume))
            at_ = {at_.volume + 1, 0};
        return at_.volume < volumes_.size();
    }

    /// Gets the piece that holds at_ from the first source that has it whole. What failed once is not tried
    /// again as long as the stream stays there.
    void load() {
        if (failure_ && failed_.holds(at_)) throw Error(*failure_);
        failure_.reset();
        raw_ = {};
        std::string why;
        failed_ = {at_.volume, 0, volumes_.raw_bytes(at_.volume)};
        for (std::size_t source = first_source_; source < open_.size(); ++source) {
            try {
                load_from(source);
                if (source > first_source_) volumes_.note_other_source(at_.volume, source, why);
                failure_.reset();
                return;
            } catch (Error& e) {
                e.add_context(volumes_.name(at_.volume, source));
                why += (why.empty() ? "" : "; ") + e.message();
                failure_ = Error(failure_ ? failure_->kind() : e.kind(), why, e.hint());
            }
        }
        throw Error(*failure_);
    }

    void load_from(std::size_t source) {
        if (volumes_.form().is_stream()) return load_expanded(source);
        std::shared_ptr<const OpenVolume>& volume = open_[source];
        if (!volume || volume->number != at_.volume) {
            volume.reset();
            volume = volumes_.open(at_.volume, source);
        }
        if (volumes_.form().method == Compression::Method::none)
            load_plain(*volume->bytes);
        else
            load_frame(*volume);
    }

    void load_plain(const VolumeBytes& bytes) {
        std::uint64_t begin = at_.offset / kPlainBytes * kPlainBytes;
        std::uint64_t end = std::min(begin + kPlainBytes, volumes_.raw_bytes(at_.volume));
        narrow_failed(at_.offset, end);
        auto wanted = static_cast<std::size_t>(end - begin);
        std::size_t n = bytes.read(raw_bytes_.get(wanted), wanted, begin);
        volumes_.count_read(n);
        if (n <= at_.offset - begin) corrupt(format("it ends at offset {}", begin + n));
        raw_ = {at_.volume, begin, begin + n};
    }

    void load_expanded(std::size_t source) {
        narrow_failed(at_.offset, UINT64_MAX);
        if (expansion_ && (expansion_->volume != at_.volume || expansion_->source != source ||
                           !expansion_->can_reach(at_.offset)))
            leave_expansion();
        if (!expansion_) expansion_ = volumes_.take_expansion(at_.volume, source, at_.offset);
        std::uint64_t before = expansion_->expanding.stored_bytes_read();
        try {
            expansion_->advance_to(at_.offset);
        } catch (const Error&) {
            expansion_.reset();  // it goes nowhere
            throw;
        }
        volumes_.count_read(expansion_->expanding.stored_bytes_read() - before);
        raw_ = {at_.volume, expansion_->begin, std::min(expansion_->end, volumes_.raw_bytes(at_.volume))};
    }

    void leave_expansion() {
        if (expansion_) volumes_.give_back(std::move(expansion_));
        raw_ = {};
    }

    void load_frame(const OpenVolume& volume) {
        std::uint64_t known_bytes = volume.index->raw_bytes();
        if (at_.offset >= known_bytes) {
            narrow_failed(known_bytes, UINT64_MAX);
            corrupt("it is damaged, and no frame was found for this place");
        }
        Frame frame = volume.index->find(at_.offset);
        std::uint64_t raw_end = frame.raw_offset + frame.size.raw_bytes;
        narrow_failed(frame.raw_offset, raw_end);
        char* stored = stored_bytes_.get(frame.size.stored_bytes);
        std::size_t n = volume.bytes->read(stored, frame.size.stored_bytes, frame.stored_offset);
        volumes_.count_read(n);
        if (n < frame.size.stored_bytes)
            corrupt(
                format("it ends at offset {}, before frame {} does", frame.stored_offset + n, frame.number));
        try {
            decode_frame(volumes_.form().method, {stored, n},
                         {raw_bytes_.get(frame.size.raw_bytes), frame.size.raw_bytes});
        } catch (Error& e) {
            e.add_context(format("frame {} at offset {} is damaged", frame.number, frame.stored_offset));
            throw;
        }
        raw_ = {at_.volume, frame.raw_offset, raw_end};
    }

    /// If loading fails now, then only for this piece of what failed in the sources before.
    void narrow_failed(std::uint64_t begin, std::uint64_t end) {
        failed_.begin = std::max(failed_.begin, begin);
        failed_.end = std::min(failed_.end, end);
    }

    Volumes& volumes_;
    const std::size_t first_source_;
    StreamPosition at_;                                    // may stand at the end of a volume
    std::vector<std::shared_ptr<const OpenVolume>> open_;  // by source
    Buffer stored_bytes_;
    Buffer raw_bytes_;                      // raw_ of the archive
    std::unique_ptr<Expansion> expansion_;  // raw_ of an archive without frames is its piece
    Piece raw_;
    std::optional<Error> failure_;  // why failed_ could not be read
    Piece failed_;
};

}  // namespace

struct ArchiveFile::State {
    Volumes volumes;
};

ArchiveFile::ArchiveFile(std::vector<VolumeSource> sources, ArchiveForm form, std::vector<VolumeInfo> volumes,
                         KnownFrames known_frames)
    : state_(new State{Volumes(std::move(sources), form, std::move(volumes), std::move(known_frames))}) {}

ArchiveFile::ArchiveFile(std::string dir, ArchiveForm form, std::vector<VolumeInfo> volumes)
    : ArchiveFile(std::vector<VolumeSource>{local_volumes(std::move(dir))}, form, std::move(volumes)) {}

ArchiveFile::~ArchiveFile() = default;

std::size_t ArchiveFile::source_count() const {
    return state_->volumes.source_count();
}

std::string ArchiveFile::volume_text(std::uint32_t volume, std::size_t source) const {
    return state_->volumes.name(volume, source);
}

std::unique_ptr<ArchiveStream> ArchiveFile::open_stream(StreamPosition from, std::size_t first_source) const {
    state_->volumes.set_resting(false);
    return std::make_unique<Stream>(state_->volumes, from, first_source);
}

StreamPosition ArchiveFile::next_frame(StreamPosition from) const {
    const StreamPosition next_volume{from.volume + 1, 0};
    Volumes& volumes = state_->volumes;
    if (from.volume >= volumes.size() || from.offset >= volumes.raw_bytes(from.volume)) return next_volume;
    std::uint64_t end = from.offset - from.offset % kFrameBytesMax + kFrameBytesMax;
    if (volumes.form().is_stream()) return next_volume;
    if (volumes.form().method != Compression::Method::none) {
        try {
            std::shared_ptr<const OpenVolume> volume = volumes.open(from.volume, 0);
            if (from.offset >= volume->index->raw_bytes()) return next_volume;  // it is cut
            Frame frame = volume->index->find(from.offset);
            end = frame.raw_offset + frame.size.raw_bytes;
        } catch (const Error&) {
            return next_volume;
        }
    }
    return end < volumes.raw_bytes(from.volume) ? StreamPosition{from.volume, end} : next_volume;
}

void ArchiveFile::rest() const {
    state_->volumes.set_resting(true);
}

std::uint64_t ArchiveFile::stored_bytes_read() const {
    return state_->volumes.stored_bytes_read();
}

std::vector<std::string> ArchiveFile::remarks() const {
    return state_->volumes.remarks();
}

}  // namespace icecore::archive
