#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "archive/tar_reader.h"
#include "catalog/catalog.h"
#include "engine/environment.h"
#include "report/run_log.h"

namespace icecore::engine {

/// Records a run that is not being packed: one that was interrupted, whose manifest was lost, or that another
/// program made. Each line goes to manifest, catalogue and log (if there is one), and is counted. One thread;
/// destroyed before seal(), it leaves nothing.
class RunRecorder {
  public:
    /// `catalog` is at the run's parent. `log` may be null.
    RunRecorder(const Environment& env, const std::string& backup_dir, const std::string& manifest_name,
                catalog::Catalog& catalog, const archive::ManifestHeader& header, report::RunLog* log);

    void volume(const archive::VolumeInfo& volume, const std::vector<archive::FrameSize>& frames);
    void rename(const archive::ManifestRename& rename);
    void anew(const archive::ManifestAnew& anew);
    void remove(const archive::ManifestDelete& deletion);
    void problem(const archive::ManifestError& error);
    void put(const archive::ManifestEntry& entry);
    /// A directory's line that changes nothing but its own attributes.
    void put_directory(const archive::ManifestEntry& entry);
    /// The entry of a member that has no line. Reads its content from `reader`. `ino`: its inode number, if
    /// that is known.
    void put_member(const archive::TarMember& member, archive::TarReader& reader,
                    const archive::Location& location, std::uint64_t ino = 0);

    /// The tree so far.
    catalog::RunWriter& tree() { return *writer_; }

    /// Writes the trailer, finishes the log, seals the manifest (from then on the run exists) and the
    /// catalogue's part. Returns the trailer.
    archive::ManifestTrailer seal();

  private:
    void count_tree();

    const Environment& env_;
    std::int64_t started_ns_;
    archive::ManifestWriter manifest_;
    report::RunLog* log_;
    std::unique_ptr<catalog::RunWriter> writer_;
    bool adopted_;
    archive::ManifestTrailer trailer_;
};

}  // namespace icecore::engine
