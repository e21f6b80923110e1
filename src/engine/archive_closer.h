#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "archive/manifest.h"
#include "archive/tar_member.h"
#include "archive/volume.h"
#include "engine/data_source.h"
#include "engine/environment.h"
#include "engine/interrupted_archive.h"

namespace icecore::engine {

/// Writes what an interrupted archive lacks into volumes after its sealed ones: the rest of the member that
/// was cut, directories, and the end. One thread; destroyed unfinished, it removes the volume it was at.
/// Throws Error.
class ArchiveCloser {
  public:
    using OnSealed = archive::VolumeWriter::OnSealed;
    ArchiveCloser(const Environment& env, const SetOptions& set, const InterruptedArchive& archive,
                  OnSealed on_sealed);

    /// Completes the tail's last member. If the file at its path is still the one whose beginning is stored
    /// (size, mtime and every byte compared), the rest comes from it; otherwise zeros, and the entry is
    /// `unstable`. Returns its entry.
    archive::ManifestEntry complete(const archive::TarMember& member, InterruptedArchive::Tail& tail,
                                    const DataRoot& root);
    void add_directory(const archive::TarMember& member);
    /// The end-of-archive blocks; seals the last volume.
    void finish();

    /// Content read from the data directory.
    std::uint64_t read_bytes() const { return read_bytes_; }

  private:
    class LiveFile;
    void append(std::string_view raw);
    void write_frame();

    const Environment& env_;
    archive::FrameEncoder encoder_;
    archive::VolumeWriter writer_;
    std::string raw_;
    std::string frame_;
    std::uint64_t read_bytes_ = 0;
};

}  // namespace icecore::engine
