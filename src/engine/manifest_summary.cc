#include "engine/manifest_summary.h"

#include "base/error.h"
#include "base/format.h"

namespace icecore::engine {
namespace {

void add_frames(const archive::ManifestFrames& line, ManifestSummary& out) {
    constexpr std::size_t kVolumesMax = 1 << 20;
    if (line.volume != out.frames.size() || out.frames.size() >= kVolumesMax)
        throw Error(Error::Kind::corrupt, format("its frames of volume {} are out of order", line.volume));
    out.frames.push_back(digest_of_frames(line.frames));
}

void check_volumes(const ManifestSummary& summary) {
    std::uint32_t number = 0;
    for (const archive::VolumeInfo& volume : summary.trailer.volumes) {
        if (volume.number != number ||
            volume.name != archive::volume_name(summary.header.archive_name, number))
            throw Error(Error::Kind::corrupt, format("its list of volumes is wrong at volume {}", number));
        ++number;
    }
    if (number == 0) throw Error(Error::Kind::corrupt, "it names no volume");
    if (summary.frames.size() > number)
        throw Error(Error::Kind::corrupt, "it has frames of more volumes than there are");
}

}  // namespace

Digest digest_of_frames(const std::vector<archive::FrameSize>& frames) {
    Sha256 hash;
    std::string text;
    for (const archive::FrameSize& frame : frames) {
        text = format("{} {}\n", frame.stored_bytes, frame.raw_bytes);
        hash.update(text);
    }
    return hash.finish();
}

ManifestSummary summarize_manifest(const std::string& path) {
    archive::ManifestReader reader(path);
    ManifestSummary out;
    while (std::optional<archive::ManifestLine> line = reader.next()) {
        if (auto* header = std::get_if<archive::ManifestHeader>(&*line))
            out.header = std::move(*header);
        else if (auto* frames = std::get_if<archive::ManifestFrames>(&*line))
            add_frames(*frames, out);
        else if (std::holds_alternative<archive::ManifestEntry>(*line))
            ++out.entries;
        else if (auto* trailer = std::get_if<archive::ManifestTrailer>(&*line))
            out.trailer = std::move(*trailer);
    }
    check_volumes(out);
    return out;
}

}  // namespace icecore::engine
