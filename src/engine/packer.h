#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "catalog/catalog.h"
#include "engine/data_source.h"
#include "engine/environment.h"
#include "engine/pack_batch.h"
#include "engine/pack_source.h"
#include "engine/plan.h"
#include "report/run_log.h"

namespace icecore::engine {

/// Where a run's facts go while it is packed.
struct PackOutputs {
    archive::ManifestWriter& manifest;
    catalog::RunWriter& catalog;
    report::RunLog& log;
    /// Called with each volume as it is sealed; may be empty.
    std::function<void(const archive::SealedVolume&)> on_volume = {};
    std::uint64_t part_bytes = 0;  ///< of the parts whose digests `on_volume` is to be told; 0: none
};

/// Packs a plan into the archive's volumes: items are gathered in order, read, hashed and compressed in
/// parallel, and written, recorded and logged in order (a bounded pipeline; the first error stops it). Files
/// that changed while they were read come again at the end, up to `set.retries` times.
///
/// Memory: a few batches of a frame each. `run` returns when the last volume is sealed. Throws Error.
class Packer {
  public:
    Packer(const Environment& env, const SetOptions& set, DataRoot root, Plan& plan,
           const archive::ManifestHeader& header, Timestamp scan_started, PackOutputs outputs,
           Observer& observer);

    void run();
    const std::vector<archive::VolumeInfo>& volumes() const { return volumes_; }
    /// The plan's counts and what packing added to them.
    const archive::RunCounts& counts() const { return counts_; }

  private:
    void run_pipeline(ItemSource& items);
    std::unique_ptr<PackBatch> next_batch(BatchSource& source);
    void recycle(PackBatch& batch);
    void write(PackBatch& batch);
    void write_large(PackBatch& batch, const std::vector<archive::StreamPosition>& frames);
    void finish_large(LargeFile& large);
    void finish(PackOutcome& out);
    void record(const PackOutcome& out);
    void log_change(const PackOutcome& out);

    const Environment& env_;
    const SetOptions& set_;
    int root_fd_;
    Plan& plan_;
    const archive::ManifestHeader& header_;
    PackOutputs outputs_;
    Observer& observer_;
    archive::FrameEncoder encoder_;
    BatchPacker batch_packer_;
    std::vector<archive::VolumeInfo> volumes_;
    archive::VolumeWriter writer_;
    archive::RunCounts counts_;
    std::vector<PackItem> again_;
    std::mutex spare_mutex_;
    std::vector<Buffer> spare_;  // of batches that are done, guarded by spare_mutex_: fresh pages cost time
    Progress progress_;
};

}  // namespace icecore::engine
