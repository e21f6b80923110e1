#include <fcntl.h>

#include <utility>

#include "archive/seek_table.h"
#include "archive/volume.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::archive {

std::string volume_name(std::string_view archive_name, std::uint32_t number) {
    return number == 0 ? std::string(archive_name) : format("{}.{:03}", archive_name, number);
}

struct VolumeWriter::State {
    FileSystem& fs;
    const std::string dir;
    const std::string archive_name;
    const Compression::Method method;
    const std::uint64_t volume_bytes_max;
    const OnSealed on_sealed;

    bool finished = false;
    std::unique_ptr<OutputFile> file{};  // the volume being written; null between volumes
    VolumeInfo info{};                   // of that volume
    std::vector<FrameSize> frames{};
    Sha256 sha256{};
    TreeHash tree_hash{};

    /// Whether the open volume must be sealed before a frame of `frame_bytes` is written.
    bool is_full_for(std::size_t frame_bytes) const {
        if (frames.size() == kVolumeFramesMax) return true;
        // A volume of one frame may exceed the maximum: a frame is never cut.
        std::uint64_t total_bytes =
            info.stored_bytes + frame_bytes + seek_table_bytes(method, frames.size() + 1);
        return !frames.empty() && total_bytes > volume_bytes_max;
    }

    void open_volume() {
        info.name = volume_name(archive_name, info.number);
        file = fs.create(dir, info.name, /*replace=*/false);
    }

    void write(std::string_view data) {
        file->write(data);
        sha256.update(data);
        tree_hash.update(data);
        info.stored_bytes += data.size();
    }

    void seal_volume() {
        write(encode_seek_table(method, frames));
        file->seal();
        file.reset();
        info.sha256 = sha256.finish();
        info.tree_hash = tree_hash.finish();
        // The next volume's state first, so that a throwing callback cannot make us write this one's twice.
        VolumeInfo sealed = std::exchange(info, {});
        info.number = sealed.number + 1;
        std::vector<FrameSize> sealed_frames = std::exchange(frames, {});
        if (on_sealed) on_sealed(sealed, sealed_frames);
    }
};

VolumeWriter::VolumeWriter(FileSystem& fs, std::string dir, std::string archive_name,
                           Compression::Method method, std::uint64_t volume_bytes_max, OnSealed on_sealed,
                           std::uint32_t first_volume)
    : state_(new State{.fs = fs,
                       .dir = std::move(dir),
                       .archive_name = std::move(archive_name),
                       .method = method,
                       .volume_bytes_max = volume_bytes_max,
                       .on_sealed = std::move(on_sealed)}) {
    state_->info.number = first_volume;
}

VolumeWriter::~VolumeWriter() = default;

StreamPosition VolumeWriter::append(std::string_view frame, std::uint32_t raw_bytes) {
    CHECK(!state_->finished);
    CHECK(raw_bytes > 0 && raw_bytes <= kFrameBytesMax);
    CHECK(!frame.empty() && frame.size() <= stored_bytes_max(raw_bytes));
    if (state_->file && state_->is_full_for(frame.size())) state_->seal_volume();
    if (!state_->file) state_->open_volume();
    StreamPosition position{state_->info.number, state_->info.raw_bytes};
    state_->write(frame);
    state_->frames.push_back({static_cast<std::uint32_t>(frame.size()), raw_bytes});
    state_->info.raw_bytes += raw_bytes;
    return position;
}

void VolumeWriter::finish() {
    CHECK(!state_->finished && state_->file);
    state_->seal_volume();
    state_->finished = true;
}

VolumeInfo examine_volume(const std::string& dir, std::string_view archive_name, Compression::Method method,
                          std::uint32_t number) {
    VolumeInfo info;
    info.number = number;
    info.name = volume_name(archive_name, number);
    std::string path = join_path(dir, info.name);
    Fd fd = open_file(path, O_RDONLY);
    FileStat stat;
    if (!stat_at(fd.get(), "", stat, AT_EMPTY_PATH)) throw_errno("examining " + path);
    info.stored_bytes = stat.size;
    try {
        for (const FrameSize& frame : read_seek_table(method, fd.get(), stat.size))
            info.raw_bytes += frame.raw_bytes;
        Sha256 sha256;
        TreeHash tree_hash;
        std::string buffer(TreeHash::kLeafBytes, '\0');
        for (std::uint64_t offset = 0; offset < stat.size;) {
            std::size_t n = pread_full(fd.get(), buffer.data(), buffer.size(), offset);
            if (n == 0) throw Error(Error::Kind::corrupt, "it became shorter while it was read");
            sha256.update({buffer.data(), n});
            tree_hash.update({buffer.data(), n});
            offset += n;
        }
        info.sha256 = sha256.finish();
        info.tree_hash = tree_hash.finish();
    } catch (Error& e) {
        e.add_context("volume " + path);
        throw;
    }
    return info;
}

}  // namespace icecore::archive
