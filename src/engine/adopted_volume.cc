#include "engine/adopted_volume.h"

#include <algorithm>

#include "archive/expanding_source.h"
#include "base/error.h"
#include "base/stream_hash.h"

namespace icecore::engine {

ArchiveSurvey survey_volume(archive::Compression::Method method,
                            std::shared_ptr<const archive::VolumeBytes> bytes, const SurveyRequest& request) {
    archive::ExpandingSource source(method, std::move(bytes));
    return survey_archive(source, request);
}

AdoptedVolume examine_adopted_volume(const std::string& path, const archive::ManifestHeader& header,
                                     std::optional<ArchiveSurvey> survey) {
    std::shared_ptr<const archive::VolumeBytes> bytes = archive::open_volume_file(path);
    AdoptedVolume out;
    if (survey) {
        out.survey = *std::move(survey);
    } else {
        SurveyRequest request;
        if (header.adopted) request.root = header.adopted->root;
        out.survey = survey_volume(header.compression.method, bytes, request);
    }
    if (out.survey.raw_bytes == 0) throw Error(Error::Kind::corrupt, path + ": " + out.survey.damage);
    archive::VolumeInfo& info = out.recorded.info;
    info.name = header.archive_name;
    info.stored_bytes = bytes->size_bytes();
    info.raw_bytes = out.survey.raw_bytes;
    std::uint64_t offset = 0;
    Digests digests = digests_of([&](char* buffer, std::size_t size) {
        std::size_t n = bytes->read(buffer, size, offset);
        offset += n;
        return n;
    });
    info.sha256 = digests.sha256;
    info.tree_hash = digests.tree_hash;
    if (header.compression.method != archive::Compression::Method::none) return out;
    for (std::uint64_t at = 0; at < info.raw_bytes; at += archive::kFrameBytesMax) {
        auto size =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(archive::kFrameBytesMax, info.raw_bytes - at));
        out.recorded.frames.push_back({size, size});
    }
    return out;
}

}  // namespace icecore::engine
