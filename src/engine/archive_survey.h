#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "archive/dumpdir.h"
#include "archive/tar_reader.h"

namespace icecore::engine {

/// What can be told of a tar archive, whoever made it, by reading through it.
struct ArchiveSurvey {
    std::uint64_t members = 0;
    /// Path of the directory that it is an archive of, as tar would extract it: "" for ".", "srv/data" for
    /// "/srv/data". That of the first member if it is a directory.
    std::string root;
    bool root_known = false;   ///< the root has a member of its own
    bool incremental = false;  ///< it leaves out what is unchanged, or renames: it needs what was before it
    bool listings = false;     ///< there are GNU tar's lists of what is in each directory
    archive::Dumpdir root_listing;
    Timestamp newest;             ///< latest mtime of a file in it
    std::uint64_t outside = 0;    ///< members that are not below the root
    std::uint64_t raw_bytes = 0;  ///< of tar that are whole: to the end, or to the member that damage cuts
    bool complete = false;        ///< all of it was read
    std::string damage;           ///< why not; empty if nothing is wrong
};

struct SurveyRequest {
    std::optional<std::string> root = std::nullopt;  ///< if it is known
    std::function<void(const archive::TarMember& member)> on_member = {};
    bool only_kind = false;  ///< ends when it is plain that the archive is incremental
    /// Called with each directory below the root (path relative to it) and its encoded listing, in order.
    std::function<void(const std::string& path, std::string_view dumpdir)> on_directory = {};
};

/// Reads through an archive. Damage is no error but a part of what is found. Throws Error: unsupported (a
/// volume of a multi-volume archive, …), and what the source throws but corrupt.
ArchiveSurvey survey_archive(archive::ByteSource& source, const SurveyRequest& request);

/// Brings the names of a member into the form that our own have ("./a/b", directories with a slash at the
/// end), relative to `root`. False if it is not below that.
bool bring_below_root(archive::TarMember& member, std::string_view root);

/// `path` relative to `root` if it is there or below; else nullopt.
std::optional<std::string> path_below(std::string_view path, std::string_view root);

}  // namespace icecore::engine
