#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/frame.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "scan/walker.h"
#include "snapshot/options.h"

namespace icecore::engine {

/// What `main` builds once and passes down. Everything must outlive the call.
struct Environment {
    const Clock& clock;
    FileSystem& fs;
    std::string host;             ///< this machine's name, for manifests and messages
    std::string program_version;  ///< "0.1.0"
    unsigned threads = 0;         ///< workers; 0 = one a core
    /// What targets need: waits that many nanoseconds (any thread); a number in [0, 1) (one thread at a
    /// time); a variable of the process's environment (any thread).
    std::function<void(std::int64_t)> sleep_ns = {};
    std::function<double()> random = {};
    std::function<std::optional<std::string>(const std::string&)> variable = {};
    /// Runs another program to its end.
    std::function<ProcessResult(const Process&)> run_process = icecore::run_process;
};

/// When to start a new chain by itself.
struct FullEvery {
    std::optional<std::int64_t> seconds;  ///< "90d"
    std::optional<std::uint32_t> runs;    ///< "30 runs"
};

/// How AWS is reached. What is empty is taken from the environment and the AWS files.
struct AwsSettings {
    std::string region;
    std::string endpoint;  ///< URL without a path; else the region's own
    std::string profile;   ///< of the AWS files
};

/// Where copies of a set's files are stored offsite.
struct TargetOptions {
    /// What is stored can be deleted or changed by nobody until `days` after the last run that needs it:
    /// `compliance`; by nobody without a special permission: `governance`.
    struct ObjectLock {
        enum class Mode : std::uint8_t { governance, compliance };
        Mode mode = Mode::governance;
        unsigned days = 0;  ///< at least 1
    };

    enum class Type : std::uint8_t { none, dir, s3, glacier };
    Type type = Type::none;
    std::string host;       ///< whose files they are there; empty: this machine's name
    std::string directory;  ///< dir: absolute
    AwsSettings aws;        ///< s3, glacier
    std::string bucket;     ///< s3
    std::string prefix;     ///< s3: of all keys, without slashes at its ends
    std::optional<bool> path_style = std::nullopt;  ///< s3: bucket in the path, not in the host name
    /// s3: of volumes, and of what must be read at once; nullopt: as store::S3TargetOptions has it
    std::optional<std::string> storage_class = std::nullopt;
    std::optional<std::string> hot_class = std::nullopt;
    std::string sse;                            ///< s3: "AES256", "aws:kms"; empty: what the bucket does
    std::string kms_key;                        ///< s3: with "aws:kms"
    unsigned thaw_days = 7;                     ///< s3: how long what was thawed can be read
    std::string vault;                          ///< glacier
    std::string account = "-";                  ///< glacier: 12 digits, or "-": that of the credentials
    std::uint64_t part_bytes_min = 16 << 20;    ///< of uploads in parts; 1 MiB times a power of two
    unsigned connections = 4;                   ///< parts that are sent at a time
    std::uint64_t upload_bytes_per_second = 0;  ///< 0: no limit
    std::optional<ObjectLock> object_lock = std::nullopt;  ///< only for a target that can
    std::int64_t poll_seconds = 15 * 60;                   ///< how often a cold target is asked how far it is
};

/// One set: a data directory with its backup directory, as the config says.
struct SetOptions {
    std::string name;
    std::string data_dir;        ///< absolute
    std::string backup_dir;      ///< absolute; made (0700) if only its last component is missing
    snapshot::Options snapshot;  ///< of the data directory's file system, to be read instead of it
    scan::WalkOptions filters;
    archive::Compression compression;
    std::uint64_t volume_bytes_max = 1ULL << 30;
    FullEvery full_every;
    std::size_t frame_bytes_max = archive::kFrameBytesMax;  ///< of tar in a frame; tests make it small
    unsigned retries = 3;  ///< how often a file that changes while it is read is read again
    TargetOptions target;
};

/// How far a command is. Totals are 0 while they are unknown.
struct Progress {
    enum class Phase : std::uint8_t {
        scanning,
        planning,
        packing,
        finishing,
        restoring,
        rebuilding,
        uploading,
        verifying,
        fetching,
        adopting,
    };
    Phase phase = Phase::scanning;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;  ///< of file content; uploading: of files in the backup directory
    std::uint64_t files_total = 0;
    std::uint64_t bytes_total = 0;
    std::uint64_t stored_bytes = 0;  ///< written to volumes so far
};

/// What a command tells while it runs. Calls come from one thread at a time (not always the same).
/// Implementations must be quick: `progress` may be called for every batch of files.
class Observer {
  public:
    virtual ~Observer() = default;
    virtual void progress(const Progress& progress) = 0;
    /// A problem or remark worth a line on stderr now, e.g. "cannot read a/b: Permission denied".
    virtual void warning(std::string_view message) = 0;
};

}  // namespace icecore::engine
