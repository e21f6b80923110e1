#include "engine/open_archives.h"

#include <utility>

#include "archive/manifest.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

/// The frame table of a volume as a manifest has it; empty if the manifest cannot be read so far.
std::vector<archive::FrameSize> frames_in_manifest(const std::string& path, std::uint32_t volume) {
    try {
        archive::ManifestReader reader(path);
        while (auto line = reader.next()) {
            auto* frames = std::get_if<archive::ManifestFrames>(&*line);
            if (frames != nullptr && frames->volume == volume) return std::move(frames->frames);
        }
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): there is another way to find the frames
    }
    return {};
}

}  // namespace

OpenArchives::OpenArchives(const SetOptions& set, const catalog::Catalog& catalog,
                           std::vector<archive::VolumeSource> sources)
    : set_(set), catalog_(catalog), sources_(std::move(sources)) {}

std::shared_ptr<archive::ArchiveFile> OpenArchives::open(catalog::RunNumber number) {
    // The archives' files come one after the other: what was kept of the one before is of no use any more.
    if (last_ != 0 && last_ != number && archives_[last_]) archives_[last_]->rest();
    last_ = number;
    std::shared_ptr<archive::ArchiveFile>& file = archives_[number];
    if (file) return file;
    std::optional<catalog::Run> run = catalog_.run(number);
    if (!run) throw Error(Error::Kind::corrupt, format("run {} is not in the catalogue", number));
    const archive::ManifestHeader& header = run->header;
    ArchiveNames names =
        make_archive_names(set_.name, header.run, header.kind, header.started, header.compression.method);
    std::string manifest = join_path(set_.backup_dir, names.manifest);
    auto known_frames = [manifest](std::uint32_t volume) { return frames_in_manifest(manifest, volume); };
    file =
        std::make_shared<archive::ArchiveFile>(sources_, header.form(), run->trailer.volumes, known_frames);
    return file;
}

std::uint64_t OpenArchives::stored_bytes_read() const {
    std::uint64_t bytes = 0;
    for (const auto& [run, file] : archives_)
        if (file) bytes += file->stored_bytes_read();
    return bytes;
}

std::vector<std::string> OpenArchives::remarks() const {
    std::vector<std::string> out;
    for (const auto& [run, file] : archives_)
        if (file)
            for (std::string& remark : file->remarks()) out.push_back(std::move(remark));
    return out;
}

}  // namespace icecore::engine
