#include <deque>
#include <utility>

#include "archive/seek_table.h"
#include "archive/volume.h"
#include "archive/volume_bytes.h"
#include "archive/volume_sink.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::archive {

std::string volume_name(std::string_view archive_name, std::uint32_t number) {
    return number == 0 ? std::string(archive_name) : format("{}.{:03}", archive_name, number);
}

struct VolumeWriter::State {
    VolumeSink sink;
    const std::string archive_name;
    const VolumeOptions options;
    const OnSealed on_sealed;

    bool finished = false;
    bool open = false;                                  // between volumes it is not
    VolumeInfo info{};                                  // of the volume being written
    std::vector<FrameSize> frames{};                    // its frames
    std::deque<std::vector<FrameSize>> full_volumes{};  // those of volumes that are not yet told of

    /// Whether the open volume must be sealed before a frame of `frame_bytes` is written.
    bool is_full_for(std::size_t frame_bytes) const {
        if (frames.size() == kVolumeFramesMax) return true;
        // A volume of one frame may exceed the maximum: a frame is never cut.
        std::uint64_t total_bytes =
            info.stored_bytes + frame_bytes + seek_table_bytes(options.method, frames.size() + 1);
        return !frames.empty() && total_bytes > options.volume_bytes_max;
    }

    void open_volume() {
        info.name = volume_name(archive_name, info.number);
        sink.open(info.name);
        open = true;
    }

    void write(std::string data) {
        info.stored_bytes += data.size();
        sink.write(std::move(data));
    }

    void end_volume() {
        write(encode_seek_table(options.method, frames));
        VolumeInfo full = std::exchange(info, {});
        info.number = full.number + 1;
        full_volumes.push_back(std::exchange(frames, {}));
        open = false;
        sink.seal(std::move(full));
    }

    void tell_of_sealed() {
        for (SealedVolume& volume : sink.take_sealed()) {
            volume.frames = std::move(full_volumes.front());
            full_volumes.pop_front();
            if (on_sealed) on_sealed(volume);
        }
    }
};

VolumeWriter::VolumeWriter(FileSystem& fs, std::string dir, std::string archive_name,
                           const VolumeOptions& options, OnSealed on_sealed)
    : state_(new State{.sink{fs, std::move(dir), options.part_bytes},
                       .archive_name = std::move(archive_name),
                       .options = options,
                       .on_sealed = std::move(on_sealed)}) {
    state_->info.number = options.first_volume;
}

VolumeWriter::~VolumeWriter() = default;

StreamPosition VolumeWriter::append(std::string frame, std::uint32_t raw_bytes) {
    CHECK(!state_->finished);
    CHECK(raw_bytes > 0 && raw_bytes <= kFrameBytesMax);
    CHECK(!frame.empty() && frame.size() <= stored_bytes_max(raw_bytes));
    state_->tell_of_sealed();
    if (state_->open && state_->is_full_for(frame.size())) state_->end_volume();
    if (!state_->open) state_->open_volume();
    StreamPosition position{state_->info.number, state_->info.raw_bytes};
    state_->frames.push_back({static_cast<std::uint32_t>(frame.size()), raw_bytes});
    state_->info.raw_bytes += raw_bytes;
    state_->write(std::move(frame));
    return position;
}

void VolumeWriter::finish() {
    CHECK(!state_->finished && state_->open);
    state_->end_volume();
    state_->sink.wait();
    state_->tell_of_sealed();
    state_->finished = true;
}

VolumeInfo examine_volume(const std::string& dir, std::string_view archive_name, Compression::Method method,
                          std::uint32_t number) {
    VolumeInfo info;
    info.number = number;
    info.name = volume_name(archive_name, number);
    std::string path = join_path(dir, info.name);
    try {
        std::unique_ptr<VolumeBytes> bytes = open_volume_file(path);
        info.stored_bytes = bytes->size_bytes();
        for (const FrameSize& frame : read_seek_table(method, *bytes)) info.raw_bytes += frame.raw_bytes;
        std::uint64_t offset = 0;
        Digests digests = digests_of([&](char* buffer, std::size_t size) {
            std::size_t n = bytes->read(buffer, size, offset);
            offset += n;
            return n;
        });
        if (offset != info.stored_bytes)
            throw Error(Error::Kind::corrupt, "its size changed while it was read");
        info.sha256 = digests.sha256;
        info.tree_hash = digests.tree_hash;
    } catch (Error& e) {
        e.add_context("volume " + path);
        throw;
    }
    return info;
}

}  // namespace icecore::archive
