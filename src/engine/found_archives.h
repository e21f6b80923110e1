#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "archive/frame.h"
#include "archive/snar.h"
#include "base/file_stat.h"
#include "engine/archive_survey.h"
#include "engine/environment.h"

namespace icecore::engine {

/// A tar archive in a directory that another program fills.
struct FoundArchive {
    std::string name;
    FileStat stat;
    archive::Compression::Method method = archive::Compression::Method::none;
    ArchiveSurvey survey;  ///< complete, or as far as it takes to know that the archive is incremental
    Timestamp time;        ///< when it was made, as far as can be told
    bool time_from_name = false;
};

/// A file there that looks like an archive and is not taken, and why.
struct PassedOver {
    std::string name;
    std::string reason;
    bool lost = false;  ///< it should have been one, and nothing in it can be read
};

/// The snapshot file of the last run there.
struct FoundSnapshot {
    std::string name;
    std::string problem;  ///< why it cannot be read; empty: it can
    int format = 2;
    Timestamp run_time;
    struct Directory {
        std::uint64_t ino = 0;
        std::uint64_t names_hash = 0;  ///< hash_of_names; 0 in formats 0 and 1
    };
    std::map<std::string, Directory> directories;  ///< by path below the root
};

struct FoundArchives {
    std::vector<FoundArchive> archives;  ///< in the order in which they were made
    std::vector<PassedOver> passed_over;
    std::optional<FoundSnapshot> snapshot;
    std::string root;  ///< of all archives; as ArchiveSurvey::root
};

struct FindRequest {
    std::string dir;
    std::vector<std::string> names;  ///< only these, in this order; none: all, in the order found
    std::optional<std::string> root;
    std::string
        snapshot;  ///< the snapshot file's name or path; empty: archive.snar, or the one that is there
};

/// Looks through a directory: reads every file that may be an archive (incremental ones only until that is
/// plain), and, if there is any, the snapshot file. Files of `set` itself are passed over. Throws Error:
/// invalid (archives of different directories, or of another than the set's), not_found (a name), unsupported
/// (multi-volume archives; compressed with xz or bzip2).
FoundArchives find_archives(const SetOptions& set, const FindRequest& request, Observer& observer);

/// Stands for the names in a directory, in any order; never 0.
std::uint64_t hash_of_names(std::vector<std::string> names);

}  // namespace icecore::engine
