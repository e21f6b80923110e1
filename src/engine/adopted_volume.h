#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archive/frame.h"
#include "archive/manifest.h"
#include "archive/volume_bytes.h"
#include "engine/archive_record.h"
#include "engine/archive_survey.h"

namespace icecore::engine {

/// Reads through the archive in a file that somebody else made.
ArchiveSurvey survey_volume(archive::Compression::Method method,
                            std::shared_ptr<const archive::VolumeBytes> bytes, const SurveyRequest& request);

/// The one volume of an adopted archive, and what it holds.
struct AdoptedVolume {
    RecordedVolume recorded;
    ArchiveSurvey survey;
};

/// Hashes the file at `path`, which is or will be volume 0 of `header`, and, unless a survey of it to its end
/// is given, reads through it. Damage is told by the survey. Throws Error{corrupt} if not even one member is
/// whole.
AdoptedVolume examine_adopted_volume(const std::string& path, const archive::ManifestHeader& header,
                                     std::optional<ArchiveSurvey> survey);

}  // namespace icecore::engine
