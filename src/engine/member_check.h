#pragma once

#include <string>

#include "archive/manifest.h"
#include "archive/tar_reader.h"
#include "engine/verify_log.h"

namespace icecore::engine {

/// Whether `member` may be the one of an entry without a place (a directory, a hard link): type and name.
bool is_member_of(const archive::ManifestEntry& entry, const archive::TarMember& member);

/// What differs between an entry and its member, whose content is read to its end from `tar`: "size, SHA-256
/// differ", or "" if nothing does. `buffer` is scratch. Throws Error if the content cannot be read.
std::string differences(const archive::ManifestEntry& entry, const archive::TarMember& member,
                        archive::TarReader& tar, std::string& buffer, VerifyLog& log);

/// Whether the manifest need not know `member`: the repeated records and the stations that doc/format.md has
/// ("Order", "Deep paths").
bool is_auxiliary(const archive::TarMember& member);

}  // namespace icecore::engine
