#include "engine/packer.h"

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <fcntl.h>
#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/content.h"
#include "scan/change.h"

namespace icecore::engine {
namespace {

/// Batches in flight for each worker: one being packed, one being gathered or recorded.
constexpr unsigned kBatchesPerThread = 2;

/// A larger buffer, of a batch with an unusually long directory, is not kept.
constexpr std::size_t kSpareBytesMax = 2 * archive::kFrameBytesMax;

/// Where byte `offset` of a batch's tar stream went.
archive::StreamPosition position_of(const std::vector<archive::StreamPosition>& frames, std::size_t offset,
                                    std::size_t frame_bytes_max) {
    archive::StreamPosition position = frames[offset / frame_bytes_max];
    position.offset += offset % frame_bytes_max;
    return position;
}

}  // namespace

Packer::Packer(const Environment& env, const SetOptions& set, DataRoot root, Plan& plan,
               const archive::ManifestHeader& header, Timestamp scan_started, PackOutputs outputs,
               Observer& observer)
    : env_(env),
      set_(set),
      root_fd_(root.fd),
      plan_(plan),
      header_(header),
      outputs_(std::move(outputs)),
      observer_(observer),
      encoder_(set.compression),
      batch_packer_(env.clock, encoder_, {root, set.retries, scan_started, set.frame_bytes_max}),
      writer_(env.fs, set.backup_dir, header.archive_name,
              {.method = set.compression.method,
               .volume_bytes_max = set.volume_bytes_max,
               .part_bytes = outputs_.part_bytes},
              [this](const archive::SealedVolume& volume) {
                  outputs_.manifest.write(archive::ManifestFrames{volume.info.number, volume.frames});
                  outputs_.manifest.write(volume.info);
                  outputs_.manifest.checkpoint();
                  counts_.stored_bytes += volume.info.stored_bytes;
                  volumes_.push_back(volume.info);
                  if (outputs_.on_volume) outputs_.on_volume(volume);
              }),
      counts_(plan.counts) {
    progress_.phase = Progress::Phase::packing;
    progress_.files_total = plan.read_files;
    progress_.bytes_total = plan.read_bytes;
}

void Packer::run() {
    PlanItems items(plan_, batch_packer_);
    run_pipeline(items);
    while (!again_.empty()) {
        ListItems list(std::exchange(again_, {}));
        run_pipeline(list);
    }
    PackBatch end;
    end.end_of_archive = true;
    batch_packer_.pack(end);
    write(end);
    writer_.finish();
}

void Packer::run_pipeline(ItemSource& items) {
    using oneapi::tbb::filter_mode;
    unsigned threads = env_.threads != 0 ? env_.threads : std::max(1U, std::thread::hardware_concurrency());
    BatchSource source(items, batch_packer_, root_fd_, set_.frame_bytes_max);
    oneapi::tbb::task_arena arena(static_cast<int>(threads));
    using BatchPtr = std::shared_ptr<PackBatch>;
    auto take = [this, &source](oneapi::tbb::flow_control& control) -> BatchPtr {
        std::unique_ptr<PackBatch> batch = next_batch(source);
        if (batch == nullptr) control.stop();
        return batch;
    };
    auto pack = [this](BatchPtr batch) -> BatchPtr {
        batch_packer_.pack(*batch);
        return batch;
    };
    auto put = [this](const BatchPtr& batch) {
        write(*batch);
        recycle(*batch);
    };
    arena.execute([&] {
        oneapi::tbb::parallel_pipeline(
            std::size_t{threads} * kBatchesPerThread,
            oneapi::tbb::make_filter<void, BatchPtr>(filter_mode::serial_in_order, take) &
                oneapi::tbb::make_filter<BatchPtr, BatchPtr>(filter_mode::parallel, pack) &
                oneapi::tbb::make_filter<BatchPtr, void>(filter_mode::serial_in_order, put));
    });
}

std::unique_ptr<PackBatch> Packer::next_batch(BatchSource& source) {
    std::unique_ptr<PackBatch> batch = source.next();
    std::lock_guard lock(spare_mutex_);
    if (batch == nullptr || spare_.empty()) return batch;
    batch->raw = std::move(spare_.back());
    spare_.pop_back();
    return batch;
}

void Packer::recycle(PackBatch& batch) {
    if (batch.raw.capacity() > kSpareBytesMax) return;
    batch.raw.clear();
    std::lock_guard lock(spare_mutex_);
    spare_.push_back(std::move(batch.raw));
}

void Packer::write(PackBatch& batch) {
    std::vector<archive::StreamPosition> frames;
    frames.reserve(batch.frames.size());
    for (PackBatch::Frame& frame : batch.frames) {
        progress_.stored_bytes += frame.bytes.size();
        frames.push_back(writer_.append(std::move(frame.bytes), frame.raw_bytes));
    }
    if (batch.large != nullptr) {
        write_large(batch, frames);
    } else {
        for (PackOutcome& out : batch.outcomes) {
            if (out.raw_length > 0 && out.has_entry && out.entry.stat.type != FileType::directory &&
                out.entry.stored != archive::Stored::link) {
                archive::StreamPosition position = position_of(frames, out.raw_offset, set_.frame_bytes_max);
                out.entry.location = {header_.run, position.volume, position.offset, out.raw_length};
            }
            finish(out);
        }
    }
    observer_.progress(progress_);
}

void Packer::write_large(PackBatch& batch, const std::vector<archive::StreamPosition>& frames) {
    LargeFile& large = *batch.large;
    if (batch.first) {
        large.position = position_of(frames, 0, set_.frame_bytes_max);
        large.hash.update(large.sparse_map);
    }
    large.hash.update(batch.raw.view().substr(batch.content_offset, batch.content_length));
    progress_.bytes += batch.content_length;
    counts_.read_bytes += batch.content_length;
    if (batch.last) finish_large(large);
}

void Packer::finish_large(LargeFile& large) {
    PackItem& item = large.item;
    FileStat after;
    bool steady = !large.short_read && stat_at(item.fd.get(), "", after, AT_EMPTY_PATH) &&
                  same_state(large.stat, after);
    Digest sha256 = large.hash.finish();
    std::uint64_t length = large.header.size() + large.content_bytes + archive::padding(large.content_bytes);
    const std::optional<OldVersion>& old = item.file.old;
    PackOutcome out;
    out.has_entry = true;
    out.change = item.file.change;
    if (old && (old->sha256 != sha256 || item.file.action == Action::check)) out.change = Change::changed;
    out.metadata_only = old && old->sha256 == sha256 && out.change == Change::changed;
    out.old_size_bytes = old ? old->stat.size : 0;
    out.entry.path = join_path(item.directory->path, item.file.name);
    out.entry.stat = large.stat;
    out.entry.sha256 = sha256;
    out.entry.metadata = large.metadata;
    out.entry.stored = large.sparse ? archive::Stored::sparse : archive::Stored::whole;
    out.entry.location = {header_.run, large.position.volume, large.position.offset, length};
    out.entry.unstable = !steady || large.failed;
    // What could not be read may be readable next time, and nothing about the file will have changed.
    out.entry.racy = out.entry.unstable || scan::is_racy(large.stat, large.read_started);
    if (!steady && !large.failed && !item.keep_position && item.attempt < set_.retries) {
        // The member stands in the archive, so it has its line; the one that is stored later replaces both.
        outputs_.manifest.write(out.entry);
        outputs_.catalog.put(out.entry);
        ++item.attempt;
        item.fd.reset();
        item.file.action = Action::store;  // even if it is as of old again: the archive holds another version
        again_.push_back(std::move(item));
        return;
    }
    if (large.failed) {
        out.problem = "read error: the unreadable parts are stored as zeros";
    } else if (!steady) {
        out.problem = "changed while it was read";
        out.harmless = true;
    }
    finish(out);
}

void Packer::finish(PackOutcome& out) {
    if (out.again) {
        out.again->attempt = std::max(out.again->attempt, 1U);
        again_.push_back(std::move(*out.again));
        return;
    }
    progress_.bytes += out.read_bytes;
    counts_.read_bytes += out.read_bytes;
    if (out.has_entry) record(out);
    if (out.problem.empty()) return;
    outputs_.log.problem(out.entry.path, out.problem);
    if (out.harmless) return;
    ++counts_.errors;
    outputs_.manifest.write(archive::ManifestError{out.entry.path, out.problem});
    const std::string& path = out.entry.path;
    observer_.warning(format("{}: {}", escape_path(path.empty() ? "." : path), out.problem));
}

void Packer::record(const PackOutcome& out) {
    outputs_.manifest.write(out.entry);
    outputs_.catalog.put(out.entry);
    if (out.entry.stat.type != FileType::directory) {
        ++progress_.files;
        if (out.change == Change::added) ++counts_.added;
        if (out.change == Change::changed || out.metadata_only) ++counts_.changed;
    }
    log_change(out);
}

void Packer::log_change(const PackOutcome& out) {
    const archive::ManifestEntry& entry = out.entry;
    if (out.metadata_only)
        outputs_.log.metadata_changed(entry.path, entry.stat);
    else if (out.change == Change::added)
        outputs_.log.added(entry.path, entry.stat);
    else if (out.change == Change::changed && entry.stat.type != FileType::directory)
        outputs_.log.changed(entry.path, entry.stat, out.old_size_bytes);
}

}  // namespace icecore::engine
